import { collectionSource, defineJob } from 'sluice'

/** Has state without an id to keep it under. */
export default defineJob('missing-uid', (env) => {
  env
    .fromSource(collectionSource([1, 2, 3]))
    .uid('numbers')
    .keyBy((value) => value % 2)
    .reduce((sum, value) => sum + value)
    .print()
})
