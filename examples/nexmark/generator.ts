/**
 * Makes the events of the auction house. Event n depends on n and the rate only: any process makes the same one, and as often as it likes.
 *
 * Of 50 events one is a person, three are auctions and 46 are bids. Half of all bids go to one auction in a hundred, three of four come from
 * one bidder in a hundred, and both change all the time. Numbers and order of draws are part of the definition: see README.md.
 */
import { channels } from './channels.ts'
import type { Auction, Bid, NexmarkEvent, Person } from './model.ts'
import { EventRandom } from './random.ts'
import { extraFrom, wordsFrom } from './texts.ts'

export const BASE_TIME_MS = 1_436_918_400_000
export const EVENTS_PER_EPOCH = 50
const AUCTIONS_PER_EPOCH = 3
/** Of an epoch: one person, then the auctions, then the bids. */
const FIRST_BID = 1 + AUCTIONS_PER_EPOCH

const FIRST_PERSON_ID = 1000
const FIRST_AUCTION_ID = 1000
const FIRST_CATEGORY_ID = 10
const CATEGORIES = 5
const HOT_STEP = 100
const PEOPLE_ACTIVE_MAX = 1000
const AUCTIONS_IN_FLIGHT = 100
/** How far ids may be ahead of what exists. */
const ID_LEAD = 10
/** Events in which about AUCTIONS_IN_FLIGHT auctions begin: for how long auctions run. */
const HORIZON_EVENTS = Math.floor((AUCTIONS_IN_FLIGHT * EVENTS_PER_EPOCH) / AUCTIONS_PER_EPOCH)

const PERSON_BYTES = 200
const AUCTION_BYTES = 500
const BID_BYTES = 100
const TWO_TO_32 = 4294967296

const FIRST_NAMES = ['Peter', 'Paul', 'Luke', 'John', 'Saul', 'Vicky', 'Kate', 'Julie', 'Sarah', 'Deiter', 'Walter']
const LAST_NAMES = ['Shultz', 'Abrams', 'Spencer', 'White', 'Bartels', 'Walton', 'Smith', 'Jones', 'Noris']
const STATES = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY']
const CITIES = [
  'Phoenix',
  'Los Angeles',
  'San Francisco',
  'Boise',
  'Portland',
  'Bend',
  'Redmond',
  'Seattle',
  'Kent',
  'Cheyenne',
]

export class NexmarkGenerator {
  readonly #eventsPerSecond: number
  readonly #random = new EventRandom()
  readonly #channels = channels()

  /** @param eventsPerSecond of event time */
  constructor(eventsPerSecond: number) {
    this.#eventsPerSecond = eventsPerSecond
  }

  event(id: number): NexmarkEvent {
    this.#random.moveTo(Math.floor(id / TWO_TO_32), id % TWO_TO_32)
    const inEpoch = id % EVENTS_PER_EPOCH
    if (inEpoch >= FIRST_BID) return this.#bid(id)
    return inEpoch === 0 ? this.#person(id) : this.#auction(id, inEpoch)
  }

  timeOf(id: number): number {
    return BASE_TIME_MS + Math.floor((id * 1000) / this.#eventsPerSecond)
  }

  #person(id: number): Person {
    const random = this.#random
    const name = `${picked(FIRST_NAMES, random)} ${picked(LAST_NAMES, random)}`
    const emailAddress = `${wordsFrom(random, 7)}@${wordsFrom(random, 5)}.com`
    const creditCard = `${digits(random)} ${digits(random)} ${digits(random)} ${digits(random)}`
    const city = picked(CITIES, random)
    const state = picked(STATES, random)
    const length = 8 + name.length + emailAddress.length + creditCard.length + city.length + state.length
    return {
      kind: 'person',
      id: FIRST_PERSON_ID + epochOf(id),
      name,
      emailAddress,
      creditCard,
      city,
      state,
      dateTime: this.timeOf(id),
      extra: extraFrom(random, length, PERSON_BYTES),
    }
  }

  #auction(id: number, inEpoch: number): Auction {
    const random = this.#random
    const dateTime = this.timeOf(id)
    const epoch = epochOf(id)
    const seller = random.below(4) > 0 ? hot(epoch) : nextPerson(random, epoch)
    const category = FIRST_CATEGORY_ID + random.below(CATEGORIES)
    const initialBid = priceFrom(random)
    const horizonMs = this.timeOf(id + HORIZON_EVENTS) - dateTime
    const expires = dateTime + 1 + random.below(Math.max(2 * horizonMs, 1))
    const itemName = wordsFrom(random, 20)
    const description = wordsFrom(random, 100)
    const reserve = initialBid + priceFrom(random)
    return {
      kind: 'auction',
      id: FIRST_AUCTION_ID + epoch * AUCTIONS_PER_EPOCH + inEpoch - 1,
      itemName,
      description,
      initialBid,
      reserve,
      dateTime,
      expires,
      seller: FIRST_PERSON_ID + seller,
      category,
      extra: extraFrom(random, 8 + itemName.length + description.length + 40, AUCTION_BYTES),
    }
  }

  #bid(id: number): Bid {
    const random = this.#random
    const epoch = epochOf(id)
    const lastAuction = epoch * AUCTIONS_PER_EPOCH + AUCTIONS_PER_EPOCH - 1
    const auction = random.below(2) > 0 ? hot(lastAuction) : nextAuction(random, lastAuction)
    const bidder = random.below(4) > 0 ? hot(epoch) + 1 : nextPerson(random, epoch)
    const price = priceFrom(random)
    const { hot: hotChannels, others } = this.#channels
    const from = random.below(2) > 0 ? hotChannels : others
    const channel = from[random.below(from.length)]! // below its length
    return {
      kind: 'bid',
      auction: FIRST_AUCTION_ID + auction,
      bidder: FIRST_PERSON_ID + bidder,
      price,
      channel: channel.name,
      url: channel.url,
      dateTime: this.timeOf(id),
      extra: extraFrom(random, 32, BID_BYTES),
    }
  }
}

/** Also the number of the last person, from 0. */
function epochOf(id: number): number {
  return Math.floor(id / EVENTS_PER_EPOCH)
}

/** The last one of which a hundred are to be: it stays the same until the next hundred begins. */
function hot(last: number): number {
  return Math.floor(last / HOT_STEP) * HOT_STEP
}

function nextPerson(random: EventRandom, lastPerson: number): number {
  const people = lastPerson + 1
  const active = Math.min(people, PEOPLE_ACTIVE_MAX)
  return people - active + random.below(active + ID_LEAD)
}

function nextAuction(random: EventRandom, lastAuction: number): number {
  const first = Math.max(lastAuction - AUCTIONS_IN_FLIGHT, 0)
  return first + random.below(lastAuction - first + 1 + ID_LEAD)
}

/** 10^w and 10^(k/8), written out: `pow` may differ between languages in the last bit. */
const WHOLE_POWERS = [1, 10, 100, 1000, 10_000, 100_000]
const EIGHTH_POWERS = [
  1, 1.333521432163324, 1.7782794100389228, 2.371373705661655, 3.1622776601683795, 4.216965034285822, 5.62341325190349,
  7.498942093324558,
]

/** Cents: 10^(6U) dollars for a uniform U, so that there are as many prices of each order of magnitude. */
function priceFrom(random: EventRandom): number {
  const exponent = (random.next() / TWO_TO_32) * 6
  const whole = Math.floor(exponent)
  const fraction = exponent - whole
  const eighths = Math.floor(8 * fraction)
  const rest = (fraction - eighths / 8) * Math.LN10
  const power = WHOLE_POWERS[whole]! * EIGHTH_POWERS[eighths]! * exponential(rest) // whole is below 6, eighths below 8
  return Math.floor(power * 100 + 0.5)
}

/** e^x for small x by Horner's rule: the constants are 1/n!, from n = 12 down to 0. */
function exponential(x: number): number {
  let sum = 2.08767569878681e-9
  sum = sum * x + 2.505210838544172e-8
  sum = sum * x + 2.755731922398589e-7
  sum = sum * x + 0.0000027557319223985893
  sum = sum * x + 0.0000248015873015873
  sum = sum * x + 0.0001984126984126984
  sum = sum * x + 0.001388888888888889
  sum = sum * x + 0.008333333333333333
  sum = sum * x + 0.041666666666666664
  sum = sum * x + 0.16666666666666666
  sum = sum * x + 0.5
  sum = sum * x + 1
  return sum * x + 1
}

function picked(names: readonly string[], random: EventRandom): string {
  return names[random.below(names.length)]! // below its length
}

function digits(random: EventRandom): string {
  return String(random.below(10_000)).padStart(4, '0')
}
