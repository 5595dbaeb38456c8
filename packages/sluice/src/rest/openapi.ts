/** The description of the API, OpenAPI 3.1, made from the operations and their schemas. Pure. */
import { z } from 'zod'
import { BYTES, type Operation, PATH_PATTERNS, type TextAnswer, pathNames } from './operation.ts'
import { OPERATIONS } from './operations/all-operations.ts'
import { errorBody } from './schemas/cluster-schemas.ts'
import { SCHEMAS } from './schemas/named.ts'

type Json = Readonly<Record<string, unknown>>

const PREFIX = '/v1'
const REF = '#/components/schemas/'

export function describeApi(version: string): Json {
  const { schemas } = z.toJSONSchema(SCHEMAS, { uri: (id) => `${REF}${id}`, io: 'input' })
  const plain = Object.entries(schemas).map(([id, { $id: _id, $schema: _schema, ...schema }]) => [id, schema] as const)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      version,
      description:
        'The REST API of a JobManager, after the one of Apache Flink. Every path works without /v1 too. A standby answers with 307 to its leader.',
      license: { name: 'Apache-2.0' },
    },
    security: [{ token: [] }, {}],
    paths: pathsOf(OPERATIONS),
    components: {
      schemas: Object.fromEntries(plain),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  }
}

/** `/v1/jobs/{jobid}`. */
export function describedPath({ path }: Pick<Operation, 'path'>): string {
  return PREFIX + path.replace(/:(\w+)/g, '{$1}')
}

function pathsOf(operations: readonly Operation[]): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const one of operations) {
    const ofPath = (paths[describedPath(one)] ??= {})
    ofPath[one.method.toLowerCase()] = describeOperation(one)
  }
  return paths
}

function describeOperation(one: Operation): Json {
  const { id, summary, tag, status = 200, answer, body, open } = one
  return {
    operationId: id,
    summary,
    tags: [tag],
    ...(open === true ? { security: [] } : {}),
    parameters: [...pathParameters(one), ...queryParameters(one)],
    ...(body === undefined ? {} : { requestBody: { content: contentOf(body) } }),
    responses: {
      [status]: { description: 'As asked for.', content: answerContent(answer) },
      default: { description: 'What went wrong.', content: contentOf(errorBody) },
    },
  }
}

function pathParameters({ path }: Operation): readonly Json[] {
  return pathNames(path).map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', pattern: PATH_PATTERNS[name].source },
  }))
}

function queryParameters({ query }: Operation): readonly Json[] {
  if (query === undefined) return []
  const { properties = {} } = z.toJSONSchema(query, { io: 'input' })
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }))
}

function answerContent(answer: Operation['answer']): Json {
  return isText(answer) ? { [answer.contentType]: { schema: { type: 'string' } } } : contentOf(answer)
}

export function isText(answer: Operation['answer']): answer is TextAnswer {
  return 'contentType' in answer
}

function contentOf(schema: z.ZodType): Json {
  if (schema === BYTES) return { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } }
  const id = SCHEMAS.get(schema)?.id
  if (id !== undefined) return { 'application/json': { schema: { $ref: `${REF}${id}` } } }
  const { $schema: _schema, ...inline } = z.toJSONSchema(schema, { io: 'input' })
  return { 'application/json': { schema: inline } }
}
