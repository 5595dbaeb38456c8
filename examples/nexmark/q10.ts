/** Q10, log to a file system: every bid as a line, in a folder for each minute. A folder that is complete has a file `_SUCCESS`. */
import { defineJob } from 'sluice'
import { textSink } from 'sluice/files'
import { dayOf, minuteOf } from './calendar.ts'
import { nexmarkEvents, params } from './job.ts'
import { isBid, type Bid } from './model.ts'
import { withSuccessFiles } from './success-files.ts'

const MINUTE_MS = 60_000
const FOLDER = /^dt=(\d{4}-\d{2}-\d{2})\/hm=(\d{2}:\d{2})$/

export default defineJob('nexmark-q10', { params }, (env, { output = 'out/nexmark-q10', ...options }) => {
  env.enableCheckpointing('1s')
  const lines = textSink<Bid>(output, { format: lineOf, extension: '.csv', bucketOf: folderOf, onExisting: 'replace' })
  nexmarkEvents(env, options)
    .filter(isBid)
    .sinkTo(withSuccessFiles(lines, { directory: output, periodMs: MINUTE_MS, startOf }))
    .uid('lines')
})

function lineOf({ auction, bidder, price, dateTime, extra }: Bid): string {
  return `${auction},${bidder},${price},${new Date(dateTime).toISOString()},${extra}`
}

function folderOf({ dateTime }: Bid): string {
  return `dt=${dayOf(dateTime)}/hm=${minuteOf(dateTime)}`
}

function startOf(folder: string): number | undefined {
  const [, day, minute] = FOLDER.exec(folder) ?? []
  return day === undefined || minute === undefined ? undefined : Date.parse(`${day}T${minute}Z`)
}
