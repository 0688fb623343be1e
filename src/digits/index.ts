/** Drawn digits: the built-in pictures. */
export {
  DIGIT_FACTORS,
  DIGIT_RANGES,
  type Digit,
  type DigitFactors,
  type DigitOptions,
  drawDigit,
} from "./draw.ts";
export {
  type DrawnDigits,
  type DrawnDigitsOptions,
  digitFactors,
  digitImages,
  digitLabels,
  drawnDigits,
} from "./set.ts";
