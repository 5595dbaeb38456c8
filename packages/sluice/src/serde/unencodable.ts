import { EngineError } from '../base/errors.ts'
import { TYPED_ARRAYS, VALUE_DEPTH_MAX } from './value-format.ts'

const PATH_STEPS_SHOWN_MAX = 12

/**
 * The SER1001 for a value that the codec refused: walks it again, this time with the path. Undefined when nothing is wrong with it.
 *
 * @param where what the value is, when it is one of several: `record 3 of the batch`
 */
export function unencodable(value: unknown, where = 'a record or state value'): EngineError | undefined {
  const path: string[] = []
  const problem = findProblem(value, path)
  if (problem === undefined) return undefined
  const steps = path.length > PATH_STEPS_SHOWN_MAX ? `${path.slice(0, PATH_STEPS_SHOWN_MAX).join('')}…` : path.join('')
  const subject = steps === '' ? where : `the field ${steps} of ${where}`
  return new EngineError(
    'SER1001',
    `${subject} cannot be encoded: ${problem.is}. Nothing of it was written, and the task cannot go on without losing it. ${problem.advice}.`,
  )
}

interface Problem {
  readonly is: string
  readonly advice: string
}

/** Leaves the steps to the problem in `path`. */
function findProblem(value: unknown, path: string[]): Problem | undefined {
  if (typeof value === 'function')
    return { is: 'it is a function', advice: 'Keep data in records and state, and leave functions in the job module' }
  if (typeof value === 'symbol') return { is: 'it is a symbol', advice: 'Use a string instead' }
  if (typeof value !== 'object' || value === null) return undefined
  if (path.length >= VALUE_DEPTH_MAX) {
    return {
      is: `it is nested deeper than ${VALUE_DEPTH_MAX} levels or refers to itself`,
      advice: 'Refer to other objects by an id',
    }
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (Array.isArray(value) && prototype === Array.prototype) return findInSteps(indexed(value), path)
  if (prototype === Object.prototype || prototype === null) return findInSteps(fields(value), path)
  if (value instanceof Map && prototype === Map.prototype) return findInSteps(mapSteps(value), path)
  if (value instanceof Set && prototype === Set.prototype) return findInSteps(setSteps(value), path)
  if (value instanceof Date && prototype === Date.prototype) return undefined
  if (ArrayBuffer.isView(value) && TYPED_ARRAYS.some((kind) => kind.prototype === prototype)) return undefined
  return foreign(value, prototype)
}

function findInSteps(steps: Iterable<readonly [string, unknown]>, path: string[]): Problem | undefined {
  for (const [step, inner] of steps) {
    path.push(step)
    const problem = findProblem(inner, path)
    if (problem !== undefined) return problem
    path.pop()
  }
  return undefined
}

function* indexed(values: readonly unknown[]): Iterable<readonly [string, unknown]> {
  for (const [index, value] of values.entries()) yield [`[${index}]`, value]
}

function* fields(value: object): Iterable<readonly [string, unknown]> {
  for (const [key, inner] of Object.entries(value))
    yield [/^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`, inner]
}

function* mapSteps(map: ReadonlyMap<unknown, unknown>): Iterable<readonly [string, unknown]> {
  for (const [key, value] of map) {
    const name = typeof key === 'string' ? JSON.stringify(key) : typeof key === 'object' ? 'an object' : String(key)
    yield [`.keys(${name})`, key]
    yield [`.get(${name})`, value]
  }
}

function* setSteps(set: ReadonlySet<unknown>): Iterable<readonly [string, unknown]> {
  let index = 0
  for (const value of set) yield [`.values(${index++})`, value]
}

function foreign(value: object, prototype: unknown): Problem {
  if (value instanceof Promise)
    return { is: 'it is a promise', advice: 'Wait for it in an asynchronous operator and emit the result' }
  const maker: unknown =
    typeof prototype === 'object' && prototype !== null && 'constructor' in prototype
      ? prototype.constructor
      : undefined
  const name = typeof maker === 'function' && maker.name !== '' ? maker.name : 'an unnamed class'
  return {
    is: `it is an instance of ${name}`,
    advice: 'Turn it into a plain object, array, Map, Set, Date, typed array or string before it is emitted or stored',
  }
}
