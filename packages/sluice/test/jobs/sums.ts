import { defineJob, param } from 'sluice'
import { jsonLinesSink, textSource } from 'sluice/files'

const params = {
  input: param.path(),
  output: param.path(),
  /** Another uid is another graph. */
  uid: param.string('sums'),
  rate: param.integer(500),
}

/** Running sums of the numbers in a file, by last digit. */
export default defineJob('sums', { params }, (env, { input, output, uid, rate }) => {
  env.enableCheckpointing('50ms')
  env
    .fromSource(textSource(input), undefined, { uid: 'lines', rateLimit: rate })
    .map((line) => ({ digit: line.slice(-1), sum: Number(line) }))
    .keyBy(({ digit }) => digit)
    .reduce((a, b) => ({ digit: a.digit, sum: a.sum + b.sum }))
    .uid(uid)
    .sinkTo(jsonLinesSink(output))
    .uid('files')
})
