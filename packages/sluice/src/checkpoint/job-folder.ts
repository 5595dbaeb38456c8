/** One path segment for any job name; different names never share one. */
export function jobFolderName(jobName: string): string {
  return encodeURIComponent(jobName).replace(/^\./, '%2E')
}
