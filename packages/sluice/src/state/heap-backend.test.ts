import { describeKeyedBackend } from '../../test/keyed-backend-conformance.ts'
import { createHeapBackend } from './heap-backend.ts'

describeKeyedBackend('heap', createHeapBackend)
