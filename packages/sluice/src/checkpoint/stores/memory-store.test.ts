import { MemoryStore } from './memory-store.ts'
import { describeStore } from '../../../test/store-conformance.ts'

describeStore('the store in memory', () => {
  const store = new MemoryStore()
  return { store, other: store, paths: () => store.dataPaths() }
})
