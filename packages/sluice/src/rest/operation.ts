/**
 * One operation of the REST API as data: the server routes by it, the description is made from it, the tests go through it.
 *
 * R1 What an operation answers is of the type that its schema describes.
 * R2 Path, query and body are checked before `perform` sees them.
 */
import { z } from 'zod'
import type { Env } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import type { ClusterApi } from '../jobmanager/cluster-api.ts'
import type { AsyncOperations } from './async-operations.ts'
import type { RateSampler } from './rate-sampler.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH'

/** What operations work with. */
export interface Services {
  readonly api: ClusterApi
  readonly clock: Env['clock']
  readonly version: string
  /** Keys of parameters and options that are never shown, beside those that look secret. */
  readonly secretNames: ReadonlySet<string>
  readonly requests: AsyncOperations
  readonly rates: RateSampler
  /** What keeps this process from being of use; undefined: nothing. */
  readonly fitness: () => Promise<EngineError | undefined>
  describe(): Readonly<Record<string, unknown>>
}

/** What may stand in a path. */
export const PATH_PATTERNS = {
  jobid: /^[0-9a-f]{32}$/,
  vertexid: /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/,
  checkpointid: /^\d{1,15}$/,
  triggerid: /^[0-9a-f]{32}$/,
  taskmanagerid: /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,199}$/,
} as const

export type PathName = keyof typeof PATH_PATTERNS

type NamesIn<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | NamesIn<Rest>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never

type PathIds<Path extends string> = Readonly<Record<NamesIn<Path> & PathName, string>>

/** Of a body that is bytes, not JSON. */
export const BYTES: z.ZodType<Uint8Array> = z.instanceof(Uint8Array)

export interface TextAnswer {
  readonly contentType: string
}

interface Basics {
  readonly method: Method
  /** Unique; what a generated client calls it. */
  readonly id: string
  readonly tag: 'cluster' | 'jobs' | 'vertices' | 'checkpoints' | 'taskmanagers'
  readonly summary: string
  /** `changes`: it changes something although it is a GET. */
  readonly changes?: true
  /** `here`: any JobManager answers, a standby too. Default: the leader. */
  readonly where?: 'here'
  /** Without a token. */
  readonly open?: true
  readonly status?: 202
}

interface Call<Path extends string, Query, Body> {
  readonly ids: PathIds<Path>
  readonly query: Query
  readonly body: Body
  readonly services: Services
}

interface Spec<Path extends string, Query, Body, Answer> extends Basics {
  readonly path: Path
  readonly query?: z.ZodType<Query>
  readonly body?: z.ZodType<Body>
  readonly answer: z.ZodType<Answer>
  readonly perform: (call: Call<Path, Query, Body>) => Answer | Promise<Answer>
}

interface TextSpec<Path extends string> extends Basics {
  readonly path: Path
  readonly answer: TextAnswer
  readonly perform: (call: Call<Path, undefined, undefined>) => string | Promise<string>
}

/** What came over the wire, not checked yet. */
interface RawCall {
  readonly ids: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly body: unknown
  readonly services: Services
}

export interface Operation extends Basics {
  readonly path: string
  readonly query: z.ZodType | undefined
  readonly body: z.ZodType | undefined
  readonly answer: z.ZodType | TextAnswer
  /** @throws NET1008 when the call is not as described */
  run(call: RawCall): Promise<unknown>
}

export function operation<const Path extends string, Query, Body, Answer>(
  spec: Spec<Path, Query, Body, Answer>,
): Operation {
  const { perform, ...described } = spec
  const run = async ({ ids, query, body, services }: RawCall): Promise<Answer> =>
    perform({
      ids: checkedIds<Path>(ids),
      query: parsed(spec.query, query, 'the query'),
      body: parsed(spec.body, body, 'the body'),
      services,
    })
  return { ...described, query: spec.query, body: spec.body, run }
}

export function textOperation<const Path extends string>(spec: TextSpec<Path>): Operation {
  const { perform, ...described } = spec
  const run = async ({ ids, services }: RawCall): Promise<string> =>
    perform({ ids: checkedIds<Path>(ids), query: undefined, body: undefined, services })
  return { ...described, query: undefined, body: undefined, run }
}

export function pathNames(path: string): readonly PathName[] {
  return [...path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? '').filter(isPathName)
}

function isPathName(name: string): name is PathName {
  return Object.hasOwn(PATH_PATTERNS, name)
}

function checkedIds<Path extends string>(ids: Readonly<Record<string, string>>): PathIds<Path> {
  for (const [name, value] of Object.entries(ids)) {
    if (!isPathName(name) || !PATH_PATTERNS[name].test(value))
      throw notUnderstood(`"${value}" in the path is no ${name}`)
  }
  return ids // the router gives the names that the path has
}

function parsed<T>(schema: z.ZodType<T> | undefined, value: unknown, what: string): T {
  if (schema === undefined) return undefined as T // T is undefined where there is no schema
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? what : path.join('.')}: ${message}`,
  )
  throw notUnderstood(`${what} is not as described: ${problems.join('; ')}`)
}

export function notUnderstood(what: string): EngineError {
  return new EngineError('NET1008', `${what}. Nothing was done. GET /v1/openapi.json describes every request.`)
}

export function notThere(what: string): EngineError {
  return new EngineError('NET1009', `${what}. Nothing was done.`)
}
