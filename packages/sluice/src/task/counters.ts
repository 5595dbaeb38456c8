import type { Counter } from '../operators/operator.ts'

/** Counters of one task by `uid/name`. */
export class TaskCounters {
  readonly #counts = new Map<string, CountCell>()

  counter(uid: string, name: string): Counter {
    const key = `${uid}/${name}`
    const known = this.#counts.get(key)
    if (known !== undefined) return known
    const cell = new CountCell()
    this.#counts.set(key, cell)
    return cell
  }

  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].map(([key, cell]) => [key, cell.count]))
  }
}

class CountCell implements Counter {
  count = 0

  add(count: number): void {
    this.count += count
  }
}
