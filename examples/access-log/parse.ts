/** One request of a combined or common log. */
export interface Request {
  readonly client: string
  /** Milliseconds since 1970 (UTC). */
  readonly timeMs: number
  readonly method: string
  readonly path: string
  readonly status: number
  /** E.g. `2xx`. */
  readonly statusClass: string
  /** Of the body; 0 where the log has `-`. */
  readonly bytes: number
}

/** client, time, request line, status, bytes; the combined format goes on with referrer and user agent. */
const LINE = /^(\S+) \S+ (?:\S+|".*?") \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: |$)/
const TIME = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const MINUTE_MS = 60_000

/** The request; throws why the line is none. */
export function parseAccessLogLine(line: string): Request {
  const [, client, time, request, status, bytes] = LINE.exec(line) ?? []
  if (client === undefined || time === undefined || request === undefined || status === undefined) {
    throw new SyntaxError('it is not in the combined log format')
  }
  const timeMs = parseLogTime(time)
  if (timeMs === undefined) throw new SyntaxError(`"${time}" is no time`)
  if (!/^[1-5]/.test(status)) throw new SyntaxError(`${status} is no status`)
  const [method = '', path = ''] = request.split(' ')
  return {
    client,
    timeMs,
    method,
    path,
    status: Number(status),
    statusClass: `${status.charAt(0)}xx`,
    bytes: bytes === '-' || bytes === undefined ? 0 : Number(bytes),
  }
}

/** `10/Oct/2000:13:55:36 -0700` as milliseconds since 1970. */
function parseLogTime(text: string): number | undefined {
  const [, day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes] = TIME.exec(text) ?? []
  const monthIndex = MONTHS.indexOf(month ?? '')
  if (day === undefined || monthIndex < 0) return undefined
  const localMs = Date.UTC(Number(year), monthIndex, Number(day), Number(hour), Number(minute), Number(second))
  if (new Date(localMs).getUTCDate() !== Number(day) || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60)
    return undefined
  const zoneMs = (Number(zoneHours) * 60 + Number(zoneMinutes)) * MINUTE_MS
  return sign === '-' ? localMs + zoneMs : localMs - zoneMs
}
