/** The body of a request, read within its limit. */
import { EngineError } from '../base/errors.ts'
import { joinedBytes } from '../base/joined-bytes.ts'
import { notUnderstood } from './operation.ts'

/** @throws NET1010 as soon as it is known to be longer than `bytesMax` */
export function readBundle(request: Request, bytesMax: number): Promise<Uint8Array> {
  return readBytes(request, bytesMax, () => bundleTooLarge(bytesMax))
}

async function readBytes(request: Request, bytesMax: number, tooLarge: () => EngineError): Promise<Uint8Array> {
  const announced = Number(request.headers.get('content-length') ?? 0)
  if (announced > bytesMax) throw tooLarge()
  const parts: Uint8Array[] = []
  let lengthBytes = 0
  for await (const part of request.body ?? []) {
    lengthBytes += part.length
    if (lengthBytes > bytesMax) throw tooLarge()
    parts.push(part)
  }
  return joinedBytes(parts)
}

/** An empty body counts as an empty object. @throws NET1008, NET1010 */
export async function readJson(request: Request, bytesMax: number): Promise<unknown> {
  const bytes = await readBytes(request, bytesMax, () => bodyTooLarge(bytesMax))
  if (bytes.length === 0) return {}
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  // A page of another origin may send other types without asking first.
  if (type !== 'application/json')
    throw notUnderstood(`the body is said to be ${type ?? 'nothing'}, not application/json`)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), refusePrototype)
  } catch (thrown) {
    if (thrown instanceof EngineError) throw thrown
    throw notUnderstood('the body is not JSON')
  }
}

function refusePrototype(key: string, value: unknown): unknown {
  if (key === '__proto__') throw notUnderstood('the body has a key "__proto__"')
  return value
}

function bodyTooLarge(bytesMax: number): EngineError {
  return new EngineError(
    'NET1010',
    `the body of the request is larger than ${bytesMax} bytes, which is the limit. Nothing was done. ` +
      'Send less, or raise rest.bodyBytesMax of the JobManager.',
  )
}

function bundleTooLarge(bytesMax: number): EngineError {
  return new EngineError(
    'NET1010',
    `the job bundle is larger than ${bytesMax} bytes, which is the limit. Nothing was stored or started. ` +
      'Read large data from files at run time instead of importing it, or raise artifact.bytesMax of all processes.',
  )
}
