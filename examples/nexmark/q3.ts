/** Q3, local item suggestion: who sells in three states in category 10. Both sides wait for each other for ever. */
import { listState, recordType, valueState, type DataStream } from 'sluice'
import { nexmarkJob } from './job.ts'
import { isAuction, isPerson, type NexmarkEvent, type Person } from './model.ts'

const CATEGORY = 10
const STATES: ReadonlySet<string> = new Set(['OR', 'ID', 'CA'])

type Seller = Pick<Person, 'id' | 'name' | 'city' | 'state'>

export interface LocalItem {
  readonly name: string
  readonly city: string
  readonly state: string
  readonly auction: number
}

export function localItems(events: DataStream<NexmarkEvent>): DataStream<LocalItem> {
  const sellers = events
    .filter(isPerson)
    .filter(({ state }) => STATES.has(state))
    .map(({ id, name, city, state }): Seller => ({ id, name, city, state }))
  const items = events
    .filter(isAuction)
    .filter(({ category }) => category === CATEGORY)
    .map(({ id, seller }) => ({ id, seller }))
  return items
    .connect(sellers)
    .keyBy(
      (item) => item.seller,
      (seller) => seller.id,
    )
    .process({
      emits: recordType<LocalItem>(),
      state: { seller: valueState<Seller>('seller'), waiting: listState<number>('waiting') },
      onFirst({ id }, ctx) {
        const seller = ctx.state.seller.value()
        if (seller === undefined) ctx.state.waiting.add(id)
        else ctx.emit(localItem(seller, id))
      },
      onSecond(seller, ctx) {
        ctx.state.seller.update(seller)
        for (const id of ctx.state.waiting.get()) ctx.emit(localItem(seller, id))
        ctx.state.waiting.clear()
      },
    })
    .uid('items-of-sellers')
}

function localItem({ name, city, state }: Seller, auction: number): LocalItem {
  return { name, city, state, auction }
}

export default nexmarkJob('q3', localItems)
