/** The three kinds of events of an auction house. Ids, prices and times (milliseconds since 1970) are safe integers. */

export interface Person {
  readonly kind: 'person'
  readonly id: number
  readonly name: string
  readonly emailAddress: string
  readonly creditCard: string
  readonly city: string
  readonly state: string
  readonly dateTime: number
  readonly extra: string
}

export interface Auction {
  readonly kind: 'auction'
  readonly id: number
  readonly itemName: string
  readonly description: string
  readonly initialBid: number
  readonly reserve: number
  readonly dateTime: number
  readonly expires: number
  readonly seller: number
  readonly category: number
  readonly extra: string
}

export interface Bid {
  readonly kind: 'bid'
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly url: string
  readonly dateTime: number
  readonly extra: string
}

export type NexmarkEvent = Person | Auction | Bid

export function isPerson(event: NexmarkEvent): event is Person {
  return event.kind === 'person'
}

export function isAuction(event: NexmarkEvent): event is Auction {
  return event.kind === 'auction'
}

export function isBid(event: NexmarkEvent): event is Bid {
  return event.kind === 'bid'
}
