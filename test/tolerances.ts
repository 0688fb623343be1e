/**
 * Every tolerance of the numerical tests. Tightening one is free; widening one needs a reason written beside it.
 *
 * A number passes when |got - expected| <= absolute + relative · |expected|.
 */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

const both = (value: number): Tolerance => ({ absolute: value, relative: value });

/** Bit for bit, but that 0 and -0 are the same. */
export const exact: Tolerance = both(0);

/** float32 against PyTorch's float64, on every device. */
export const forward: Tolerance = both(5e-6);
export const backward: Tolerance = both(2e-5);

/** WGSL (the language of WebGPU) promises an absolute error of 2⁻¹¹ for sin and cos. */
export const trigonometric: Tolerance = { absolute: 2 ** -11, relative: 0 };

/** float64 against numbers written with nine digits. */
export const double: Tolerance = both(1e-8);

/** Central differences in float64: the error of the difference itself is about 1e-9 at a step of 1e-5. */
export const difference = { step: 1e-5, within: both(1e-7) };

/** Central differences of float32 kernels on dyadic numbers: sums and products are exact, so the step may be large. */
export const exactDifference = { step: 0.125, within: both(1e-5) };

/** The same mathematics in another order, in float32. */
export const reordered: Tolerance = both(2e-6);

/** Deep random graphs whose products are summed in another order: errors of float32 grow with depth. */
export const rewritten: Tolerance = both(1e-4);

/** Optimizers: 50 steps in float32 against float64. */
export const optimizer: Tolerance = both(2e-6);

/** Models of the fixtures, float32 on both sides. */
export const model = {
  logits: { absolute: 2e-6, relative: 0 } as Tolerance,
  /** Relative to the largest element of the same parameter's gradient. */
  gradient: 1e-5,
  /** One token after the other against all at once. */
  step: { absolute: 2e-6, relative: 0 } as Tolerance,
  /** Relative error of the loss at a step. */
  curve: { at10: 2e-6, at100: 1e-5 },
} as const;

/**
 * The fuzzer: an element may be off by `factor` times what simulated rounding moves it by, plus `floor` times the largest
 * element of its tensor (and 1). Rounding is simulated at 2⁻²² a step; float64 rounds 2³¹ times less.
 */
export const fuzz = {
  f32: { factor: 60, floor: 4e-6 }, // second derivatives through statistics lose digits twice; float64 has them all
  f64: { factor: 20 * 2 ** -28, floor: 1e-12 },
  /** Where rounding moves an element by more than this, relative to the largest one, nothing is compared. */
  illConditioned: 2e-3,
  /** Descent against itself: inputs are moved by `nudge` of their size to see how far results go. */
  own: {
    f32: { nudge: 1e-6, factor: 20, floor: 1e-4 },
    f64: { nudge: 1e-13, factor: 50, floor: 1e-9 },
  },
  /** Central differences along a line, relative to the largest derivative; a step twice as wide tells of kinks. */
  step: 1e-4,
  aside: 0.0137, // leaves hold zeros and ties, where |x| and max have a kink: derivatives are checked beside them
  kink: 1e-2,
  quotient: 1e-6,
} as const;

/** Of compressed pictures: the rate relative to the negative ELBO of one drawn code, which varies by as much. */
export const compression = { rate: 0.005, digits: 0.01 } as const;
