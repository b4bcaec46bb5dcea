/**
 * The client of the control socket for volumes, locations and replicas.
 */

import type { Home } from '../home.ts'
import { askControl } from './client.ts'
import type {
  AddVolumeDocument,
  BucketReplicas,
  LocationStatus,
  RemoveVolumeDocument,
  RepairVolumeAnswer,
  RepairVolumeDocument,
  SetBucketReplicas,
  VolumeDetail,
  VolumeDocument
} from './volume-protocol.ts'

/** What looks at every extent takes as long as there are many, milliseconds. */
const scanTimeoutMs = 60 * 60 * 1000

export class VolumeClient {
  readonly #socketPath: string

  constructor(home: Pick<Home, 'controlSocket'>) {
    this.#socketPath = home.controlSocket
  }

  /** Those that were removed, too. */
  list(): Promise<VolumeDocument[]> {
    return this.#ask('GET', '/v1/volumes')
  }

  info(number: number): Promise<VolumeDetail> {
    return this.#ask('GET', `/v1/volumes/${number}`)
  }

  add(request: AddVolumeDocument): Promise<VolumeDocument> {
    return this.#ask('POST', '/v1/volumes/add', request)
  }

  drain(number: number): Promise<VolumeDocument> {
    return this.#ask('POST', '/v1/volumes/drain', { number })
  }

  undrain(number: number): Promise<VolumeDocument> {
    return this.#ask('POST', '/v1/volumes/undrain', { number })
  }

  remove(request: RemoveVolumeDocument): Promise<VolumeDocument> {
    return this.#ask('POST', '/v1/volumes/remove', request)
  }

  repair(request: RepairVolumeDocument): Promise<RepairVolumeAnswer> {
    return this.#ask('POST', '/v1/volumes/repair', request)
  }

  locations(): Promise<LocationStatus[]> {
    return this.#ask('GET', '/v1/locations')
  }

  setLocation(location: LocationStatus): Promise<LocationStatus[]> {
    return this.#ask('POST', '/v1/locations/set', location)
  }

  bucketReplicas(bucket: string): Promise<BucketReplicas> {
    return this.#ask('POST', '/v1/buckets/replicas', { bucket })
  }

  setBucketReplicas(policy: SetBucketReplicas): Promise<BucketReplicas> {
    return this.#ask('POST', '/v1/buckets/replicas/set', policy)
  }

  #ask<T>(method: 'GET' | 'POST', path: string, document?: object): Promise<T> {
    return askControl<T>(this.#socketPath, { method, path, document, timeoutMs: scanTimeoutMs })
  }
}
