/** Milliseconds for which this process has computed so far: a measure of work that a busy machine does not change. */
export const busy = (): number => process.cpuUsage().user / 1000;
