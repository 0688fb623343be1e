/** Options that may be given more than once. */

/** The values of such an option, with one more. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];
