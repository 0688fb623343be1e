/** Points in a space of many dimensions, such as the codes of pictures: what they hold, and how they lie. */
export { type ActiveUnits, activeUnits } from "./active.ts";
export {
  adjustedRandIndex,
  type Clusters,
  type KMeansOptions,
  kMeans,
  normalizedMutualInformation,
} from "./clusters.ts";
export { type Flat, type FlattenOptions, flatten, MOST_OF_UMAP } from "./flatten.ts";
export { frechetDistance, frechetOfNormals, type Normal, normalOf } from "./frechet.ts";
export {
  type BinOptions,
  type FactorInformation,
  type InformationGap,
  mutualInformation,
  mutualInformationGap,
} from "./information.ts";
export { type LinearClassifier, type LinearFitOptions, linearClassifier } from "./linear.ts";
export { type NeighborOptions, nearestNeighbors } from "./nearest.ts";
export { type PCA, pca } from "./pca.ts";
export type { Points } from "./points.ts";
