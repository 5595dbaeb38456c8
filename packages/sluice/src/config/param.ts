import { parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import { recordOf } from '../base/record-of.ts'

/**
 * Declares one parameter of a job. Frozen plain data with two refining methods; made by `param`.
 *
 * `T` is what the job gets: a string for texts, paths and durations (`'48h'`, ready to be handed to the API), a number for numbers.
 */
export interface Param<T> {
  readonly kind: ParamKind
  /** The text that counts when none is given. */
  readonly defaultText: string | undefined
  readonly isOptional: boolean
  readonly choices: readonly string[] | undefined
  /** Only for the type checker. */
  readonly types?: { readonly value: T }
  /** May be left out: the job then gets undefined. */
  optional(): Param<T | undefined>
}

type ParamKind = 'string' | 'path' | 'duration' | 'number' | 'integer' | 'boolean' | 'choice'

/** Parameters by name, made with `param`. */
export type ParamDeclarations = Readonly<Record<string, Param<unknown>>>

/** What the build function gets for its declarations. */
export type ParamValues<Declarations extends ParamDeclarations> = {
  readonly [Name in keyof Declarations]: Declarations[Name] extends Param<infer Value> ? Value : never
}

/** Raw parameters by name, as given on the command line. */
export type RawParams = Readonly<Record<string, string>>

/**
 * Kinds of parameters. One without a default must be given, unless it is `.optional()`.
 *
 * @example
 * defineJob('flights', { params: { input: param.path(), lateness: param.duration('48h'), rate: param.number().optional() } },
 *   (env, { input, rate = 1000 }) => void env.fromSource(textSource(input), undefined, { rateLimit: rate }).print())
 */
export const param = Object.freeze({
  /** Any text. */
  string: declaring<string>('string'),
  /** A file or folder; not empty. */
  path: declaring<string>('path'),
  /** A duration such as `'30s'`; stays a string, as the API takes it. */
  duration: declaring<string>('duration'),
  /** A finite number. */
  number: declaring<number>('number'),
  /** A whole number. */
  integer: declaring<number>('integer'),
  /** `true` or `false`. */
  boolean: declaring<boolean>('boolean'),
  /** One of the given words. */
  choice: <const Word extends string>(choices: readonly Word[], defaultWord?: NoInfer<Word>): Param<Word> =>
    declared<Word>({ kind: 'choice', choices: Object.freeze([...choices]), defaultText: defaultWord }),
})

interface ParamFacts {
  readonly kind: ParamKind
  readonly defaultText: string | undefined
  readonly choices?: readonly string[]
  readonly isOptional?: true
}

function declared<T>(facts: ParamFacts): Param<T> {
  return Object.freeze({
    kind: facts.kind,
    defaultText: facts.defaultText,
    isOptional: facts.isOptional === true,
    choices: facts.choices,
    optional: () => declared<T | undefined>({ ...facts, isOptional: true }),
  })
}

/** How a kind is declared: with a default or without. */
function declaring<T extends string | number | boolean>(kind: ParamKind): (defaultValue?: T) => Param<T> {
  return (defaultValue) =>
    declared<T>({ kind, defaultText: defaultValue === undefined ? undefined : String(defaultValue) })
}

/**
 * The values of declared parameters, all problems at once.
 *
 * @throws CFG1004 for one that is unknown or missing, CFG1005 for a value that does not fit
 */
export function readParams<Declarations extends ParamDeclarations>(
  jobName: string,
  declarations: Declarations,
  raw: RawParams,
): ParamValues<Declarations> {
  const known = Object.keys(declarations)
  refuseUnknownParams(jobName, known, raw)
  const missing = known.filter((name) => isMissing(declarations[name], raw[name]))
  if (missing.length > 0) throw missingParams(jobName, missing)
  const entries = Object.entries(declarations).map(
    ([name, { defaultText, ...rest }]) => [name, { rest, text: raw[name] ?? defaultText }] as const,
  )
  const wrong = entries.filter(([, { rest, text }]) => text !== undefined && valueOf(rest, text) === undefined)
  if (wrong.length > 0) {
    throw wrongParams(
      jobName,
      wrong.map(([name, { rest, text }]) => `"${name}" is ${JSON.stringify(text)}, not ${expectedOf(rest)}`),
    )
  }
  return recordOf(entries.map(([name, { rest, text }]) => [name, text === undefined ? undefined : valueOf(rest, text)]))
}

/** CFG1004 when a parameter is given that the job does not have. */
export function refuseUnknownParams(jobName: string, known: readonly string[], raw: RawParams): void {
  const unknown = Object.keys(raw).filter((name) => !known.includes(name))
  if (unknown.length === 0) return
  const list = known.length === 0 ? 'It has none' : `Its parameters are ${known.join(', ')}`
  throw new EngineError(
    'CFG1004',
    `job "${jobName}" has no parameter ${unknown.map((name) => `"${name}"`).join(', ')}. It was not started. ${list}.`,
  )
}

/**
 * Parameters of a job that declares none, by name. Reading one that was not given is CFG1004; `name in params` asks first.
 * `namesRead` grows with every name that the job reads.
 */
export function rawParams(jobName: string, raw: RawParams, namesRead: Set<string>): RawParams {
  return new Proxy(Object.freeze({ ...raw }), {
    get(target, name) {
      if (typeof name === 'symbol' || name === 'toJSON') return undefined
      namesRead.add(name)
      if (Object.hasOwn(target, name)) return target[name]
      throw missingParams(jobName, [name])
    },
    has(target, name) {
      if (typeof name === 'string') namesRead.add(name)
      return Object.hasOwn(target, name)
    },
  })
}

type ParamRule = Pick<Param<unknown>, 'kind' | 'choices'>

function isMissing(declaration: Param<unknown> | undefined, text: string | undefined): boolean {
  return text === undefined && declaration?.defaultText === undefined && declaration?.isOptional !== true
}

function missingParams(jobName: string, names: readonly string[]): EngineError {
  const flags = names.map((name) => `--param ${name}=…`).join(' ')
  return new EngineError(
    'CFG1004',
    `job "${jobName}" needs the parameter ${names.map((name) => `"${name}"`).join(', ')}. It was not started. ` +
      `Give it with ${flags}, or declare a default in the job.`,
  )
}

function wrongParams(jobName: string, problems: readonly string[]): EngineError {
  return new EngineError(
    'CFG1005',
    `job "${jobName}": parameter ${problems.join('; parameter ')}. It was not started. Correct the value given with --param.`,
  )
}

const EXPECTED: Readonly<Record<ParamKind, string>> = {
  string: 'a text',
  path: 'a path',
  duration: 'a duration such as "30s"',
  number: 'a number',
  integer: 'a whole number',
  boolean: '"true" or "false"',
  choice: 'one of its choices',
}

function expectedOf({ kind, choices }: ParamRule): string {
  return choices === undefined ? EXPECTED[kind] : `one of ${choices.map((word) => JSON.stringify(word)).join(', ')}`
}

/** Undefined when the text does not fit. */
function valueOf({ kind, choices }: ParamRule, text: string): string | number | boolean | undefined {
  switch (kind) {
    case 'string':
      return text
    case 'path':
      return text === '' ? undefined : text
    case 'choice':
      return choices?.includes(text) === true ? text : undefined
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined
    case 'number':
    case 'integer':
      return numberOf(kind, text)
    case 'duration':
      return isDuration(text) ? text : undefined
  }
}

function numberOf(kind: 'number' | 'integer', text: string): number | undefined {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  const fits = kind === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value)
  return fits ? value : undefined
}

function isDuration(text: string): boolean {
  try {
    parseDuration(text)
    return true
  } catch (refused) {
    if (refused instanceof EngineError) return false
    throw refused
  }
}
