import { describeClusterSeeds } from './cluster-simulation.ts'

describeClusterSeeds(2)
