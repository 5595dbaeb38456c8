import { collectionSource, defineJob, param } from 'sluice'

/** Prints a few numbers. */
export default defineJob('echo', { params: { count: param.integer(3) } }, (env, { count }) => {
  env
    .fromSource(collectionSource(Array.from({ length: count }, (_, index) => index)))
    .map((value) => value * 2)
    .print()
})
