/** Milliseconds since 1970 with fractions: comparable between the threads and processes of one machine. */
export function preciseWallMs(): number {
  return performance.timeOrigin + performance.now()
}

/** Milliseconds that this thread spent on a processor. */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Milliseconds that all threads of this process together spent on processors. */
export function processCpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
