/** The names under which a step takes in and gives out what it carries. */

export const slotName = (slot: string, parameter: string): string => `optimizer.${slot}.${parameter}`;
/** The moving average of a parameter. */
export const averageName = (parameter: string): string => `average.${parameter}`;
/** The gradient of a parameter, or the sum of its gradients. */
export const gradientName = (parameter: string): string => `gradient.${parameter}`;
/** A scalar of the optimizer, at the learning rate times `rate`. */
export const scalarName = (scalar: string, rate = 1): string =>
  rate === 1 ? `scalar.${scalar}` : `scalar.${scalar}.${rate}`;
/** A scalar that the loss reads and that is a function of the step. */
export const scheduledName = (name: string): string => `scheduled.${name}`;
export const termName = (term: string): string => `term.${term}`;
export const normName = (group: string): string => `norm.${group}`;
