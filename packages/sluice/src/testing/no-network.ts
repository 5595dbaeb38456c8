import type { Network } from '../base/env.ts'
import { NetworkError } from '../base/network-error.ts'

/** For hosts without one: nobody can be reached. */
export function noNetwork(): Network {
  const refuse = (what: string) => (): Promise<never> =>
    Promise.reject(new NetworkError('unreachable', `${what}, in a place without a network`))
  return { listen: refuse('listen'), connect: refuse('connect') }
}
