/** Q8, monitor new users: persons who came and opened an auction within the same ten seconds. */
import { TumblingEventTimeWindows, type DataStream } from 'sluice'
import { nexmarkJob } from './job.ts'
import { isAuction, isPerson, type NexmarkEvent } from './model.ts'

export interface NewSeller {
  readonly id: number
  readonly name: string
  readonly windowStart: number
}

export function newSellers(events: DataStream<NexmarkEvent>): DataStream<NewSeller> {
  const persons = events.filter(isPerson).map(({ id, name }) => ({ id, name }))
  const sellers = events.filter(isAuction).map((auction) => auction.seller)
  return persons
    .coGroup(sellers)
    .where((person) => person.id)
    .equalTo((seller) => seller)
    .window(TumblingEventTimeWindows.of('10s'))
    .apply<NewSeller>((newPersons, auctions, ctx) => {
      if (auctions.length === 0) return
      for (const { id, name } of newPersons) ctx.emit({ id, name, windowStart: ctx.window.start })
    })
    .uid('new-sellers')
}

export default nexmarkJob('q8', newSellers)
