import { EngineError } from '../base/errors.ts'
import type { OptionLayer } from '../config/option-layers.ts'
import {
  rawParams,
  readParams,
  refuseUnknownParams,
  type ParamDeclarations,
  type ParamValues,
  type RawParams,
} from '../config/param.ts'
import type { LogicalGraph } from '../graph/logical-graph.ts'
import { GraphBuilder } from './graph-builder.ts'
import { StreamExecutionEnvironment } from './stream-execution-environment.ts'

/** A job: its name and how to build its graph. Frozen; made by `defineJob`. */
export interface JobDefinition {
  readonly kind: 'sluice-job'
  readonly name: string
  /** What `--param` may set; undefined when the job reads parameters by name without declaring them. */
  readonly params: ParamDeclarations | undefined
  /**
   * Builds the graph anew. The same parameters give an equal graph every time.
   *
   * @throws CFG1004, CFG1005 for parameters; whatever the build function throws
   */
  build(params: RawParams): LogicalGraph
}

/** What a job says about itself before its build function. */
export interface JobSettings<Declarations extends ParamDeclarations> {
  /** Parameters of the job, checked before it starts. */
  readonly params: Declarations
}

const JOB_KIND = 'sluice-job'
const NAME_CHARACTERS_MAX = 100

/**
 * Defines a job. The build function describes the graph and does nothing else: it runs in every thread and at every start, and must
 * describe the same graph each time (JOB1007). The job module exports the result as its default export.
 *
 * @param name names the job in state directories and messages, 1 to 100 characters
 * @throws GRA1008 when the name is empty or too long
 * @example
 * export default defineJob('flight-delays', { params: { input: param.path(), output: param.path('out') } }, (env, params) => {
 *   env.enableCheckpointing('1s')
 *   env.fromSource(parquetSource<Flight>(params.input)).map((flight) => flight.delay).sinkTo(jsonLinesSink(params.output))
 * })
 * @example Without declarations every parameter is a text that must be given:
 * export default defineJob('copy', (env, params) => {
 *   env.fromSource(textSource(params.input ?? 'in')).sinkTo(textSink('out'))
 * })
 */
export function defineJob(
  name: string,
  build: (env: StreamExecutionEnvironment, params: RawParams) => void,
): JobDefinition
export function defineJob<Declarations extends ParamDeclarations>(
  name: string,
  settings: JobSettings<Declarations>,
  build: (env: StreamExecutionEnvironment, params: ParamValues<Declarations>) => void,
): JobDefinition
export function defineJob<Declarations extends ParamDeclarations>(
  name: string,
  ...rest: [RawBuild] | [JobSettings<Declarations>, DeclaredBuild<Declarations>]
): JobDefinition {
  checkName(name)
  if (rest.length === 1) return rawJob(name, rest[0])
  return declaredJob(name, rest[0].params, rest[1])
}

type RawBuild = (env: StreamExecutionEnvironment, params: RawParams) => void
type DeclaredBuild<Declarations extends ParamDeclarations> = (
  env: StreamExecutionEnvironment,
  params: ParamValues<Declarations>,
) => void

/**
 * The job that a module exports.
 *
 * @param exported the module's default export
 * @param where names the module in the message
 * @throws JOB1002 when it is none
 */
export function asJobDefinition(exported: unknown, where: string): JobDefinition {
  if (isJobDefinition(exported)) return exported
  throw new EngineError(
    'JOB1002',
    `${where} has no default export made by defineJob. Nothing was started. ` +
      "Write: export default defineJob('name', (env, params) => { … })",
  )
}

/** What the job itself sets, as the layer behind the command line and the environment. */
export function optionLayerOf(graph: LogicalGraph): OptionLayer {
  return { origin: `job "${graph.jobName}"`, values: graph.settings.options }
}

function rawJob(name: string, describe: RawBuild): JobDefinition {
  const build = (raw: RawParams): LogicalGraph => {
    const namesRead = new Set<string>()
    const graph = buildGraph(name, (env) => describe(env, rawParams(name, raw, namesRead)))
    refuseUnknownParams(name, [...namesRead], raw)
    return graph
  }
  return Object.freeze({ kind: JOB_KIND, name, params: undefined, build })
}

function declaredJob<Declarations extends ParamDeclarations>(
  name: string,
  params: Declarations,
  describe: DeclaredBuild<Declarations>,
): JobDefinition {
  const build = (raw: RawParams): LogicalGraph => {
    const values = readParams(name, params, raw)
    return buildGraph(name, (env) => describe(env, values))
  }
  return Object.freeze({ kind: JOB_KIND, name, params: Object.freeze({ ...params }), build })
}

function buildGraph(name: string, describe: (env: StreamExecutionEnvironment) => unknown): LogicalGraph {
  const builder = new GraphBuilder(name)
  const result = describe(new StreamExecutionEnvironment(builder))
  const graph = builder.build()
  if (result instanceof Promise) throw asynchronousBuild(name, result)
  return graph
}

function asynchronousBuild(name: string, pending: Promise<unknown>): EngineError {
  pending.catch(() => {
    // what it would still add is refused, and the error below is the one to read
  })
  return new EngineError(
    'GRA1007',
    `the build function of job "${name}" is asynchronous: what it adds after its first await would be missing. The job was not ` +
      'started. Make it synchronous; read files and ask services in sources and operators instead.',
    { context: { job: name } },
  )
}

function checkName(name: string): void {
  if (name.trim() !== '' && name.length <= NAME_CHARACTERS_MAX) return
  throw new EngineError(
    'GRA1008',
    `${JSON.stringify(name)} cannot name a job. Nothing was started. Use 1 to ${NAME_CHARACTERS_MAX} characters.`,
  )
}

/** By shape: a job module may have been loaded beside another copy of this package. */
function isJobDefinition(value: unknown): value is JobDefinition {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === JOB_KIND && 'build' in value
}
