/** Where a slot thread begins. Only switches the cache of compiled code on before anything else is loaded. */
import { enableCompileCache } from 'node:module'

enableCompileCache()
const { runSlotThread } = await import('./slot-host.ts')
await runSlotThread()
