/** What is sent to a port, into files. */
import { WatermarkStrategy, defineJob, httpSource, param } from 'sluice'
import { jsonLinesSink } from 'sluice/files'

const params = { output: param.path(), port: param.integer() }

export default defineJob('webhook', { params }, (env, { output, port }) => {
  env.enableCheckpointing('50ms')
  env
    .fromSource(httpSource<{ id: number }>({ port, path: '/in' }), WatermarkStrategy.noWatermarks())
    .uid('requests')
    .sinkTo(jsonLinesSink(output))
    .uid('files')
})
