import { describe, expect, test } from 'vitest'
import { seededRandom } from '../base/random.ts'
import { SimLife, SimScheduler } from './sim-scheduler.ts'

function create(seed = 1): { readonly scheduler: SimScheduler; readonly life: SimLife; readonly log: string[] } {
  return {
    scheduler: new SimScheduler({ random: seededRandom(seed), eventCostMaxMs: 0 }),
    life: new SimLife(0, 0),
    log: [],
  }
}

const goOn = (): 'go-on' => 'go-on'

describe('simulated time', () => {
  test('jumps to the next timer, and never fires one early', async () => {
    const { scheduler, life, log } = create()
    for (const delayMs of [30, 10, 20])
      scheduler.after(life, delayMs, 'timer', () => void log.push(`${delayMs} at ${scheduler.nowMs}`))
    expect(await scheduler.run(goOn)).toBe('nothing-left')
    expect(log).toEqual(['10 at 10', '20 at 20', '30 at 30'])
  })

  test('lets all promise reactions of an event run before the next one', async () => {
    const { scheduler, life, log } = create()
    const deep = async (name: string): Promise<void> => {
      for (let depth = 0; depth < 20; depth++) await Promise.resolve()
      log.push(name)
    }
    scheduler.after(life, 1, 'a', () => void deep('reaction of a'))
    scheduler.after(life, 1, 'b', () => void log.push('b'))
    scheduler.after(life, 2, 'c', () => void log.push('c'))
    await scheduler.run(goOn)
    expect(log.indexOf('reaction of a')).toBeLessThan(log.indexOf('c'))
  })

  test('runs nothing that was cancelled, and nothing of a life that is over', async () => {
    const { scheduler, life, log } = create()
    scheduler.after(life, 0, 'cancelled', () => void log.push('cancelled')).cancel()
    const other = new SimLife(1, 0)
    scheduler.after(other, 5, 'of another', () => void log.push('of another'))
    scheduler.after(life, 1, 'last', () => other.end())
    expect(await scheduler.run(goOn)).toBe('nothing-left')
    expect(log).toEqual([])
  })

  test('draws the order of what is runnable: the same for one seed, not for all', async () => {
    const orderOf = async (seed: number): Promise<string> => {
      const { scheduler, life, log } = create(seed)
      for (const name of ['a', 'b', 'c', 'd', 'e']) scheduler.after(life, 0, name, () => void log.push(name))
      await scheduler.run(goOn)
      return log.join('')
    }
    const orders = await Promise.all([1, 2, 3, 4, 5, 1].map(orderOf))
    expect(orders[5]).toBe(orders[0])
    expect(new Set(orders).size).toBeGreaterThan(1)
  })

  test('gives a promise that nobody watches as the failure of the run', async () => {
    const { scheduler, life } = create()
    scheduler.after(life, 0, 'careless', () => void Promise.reject(new RangeError('unwatched')))
    scheduler.after(life, 5, 'later', () => {})
    scheduler.after(life, 6, 'much later', () => {})
    await expect(scheduler.run(goOn)).rejects.toThrow('unwatched')
  })
})
