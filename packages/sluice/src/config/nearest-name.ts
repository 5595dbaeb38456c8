/** The known name that a misspelt one most likely means; undefined when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const distanceMax = Math.max(2, Math.floor(name.length / 3))
  let nearest: string | undefined
  let distance = distanceMax + 1
  for (const candidate of known) {
    const next = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (next < distance) [nearest, distance] = [candidate, next]
  }
  return nearest ?? known.find((candidate) => lastPart(candidate) === lastPart(name))
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1).toLowerCase()
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
