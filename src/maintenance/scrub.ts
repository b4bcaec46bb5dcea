/**
 * Scrub: reads every byte of every volume again, verifies it without keys, and queues what is not right for repair.
 *
 *     segment after segment    records whose checksums do not match name their extents: those are queued at once.
 *                              Where no header verifies, the place is remembered
 *     then the rows            extents that name a remembered place, a missing segment, or one that is too short, are queued
 *
 * What is queued is a suspicion: repair reads the replicas itself before it changes anything, so that what was deleted or moved
 * meanwhile does no harm. Queue and progress are committed together, after each segment: a kill costs one segment's reading. Between rounds,
 * and while paused, nothing is read at all.
 */

import { join } from 'node:path'
import { errnoOf, type DataFile } from '../file.ts'
import type { Committer } from '../metadata/committer.ts'
import type { Engine } from '../metadata/engine.ts'
import { decodeExtentRecord } from '../metadata/extent-record.ts'
import { extentKey, scrubKey } from '../metadata/keys.ts'
import { decodeScrubRecord, type DamagedPlace, type ScrubRecord } from '../metadata/scrub-record.ts'
import { segmentName } from '../storage/segment-format.ts'
import { walkSegment, type SegmentItem } from '../storage/segment-walk.ts'
import { segmentsName } from '../storage/superblock.ts'
import type { Volume, VolumeFault, VolumeSet } from '../storage/volume-set.ts'
import { Pace } from './pace.ts'
import { RepairRate } from './repair-rate.ts'
import { isHome } from './replica-standing.ts'
import { extentsAt } from './scrub-rows.ts'

/** Remembered places: with more, all of the segments that they are in are looked at. */
const placeCountMax = 1000

/** Extents queued in one commit. */
const noteCountMax = 500

export interface ScrubOptions {
  metadata: Pick<Engine, 'get' | 'getMany' | 'scan'>
  committer: Pick<Committer, 'mutate'>
  volumes: VolumeSet
  bytesPerSecond: number
  /** From the start of a round to that of the next; zero: only when it is asked for. */
  periodMs: number
  /** Milliseconds since the epoch. */
  now: () => number
  onFault: (fault: VolumeFault) => void
  /** Extents were queued. */
  onNoted: () => void
}

export interface ScrubFigures extends Omit<ScrubRecord, 'places' | 'volume' | 'segment'> {
  /** Bytes a second, of late. */
  rate: number
}

const before: ScrubRecord = {
  state: 'done',
  started: 0,
  finished: 0,
  volume: 0,
  segment: 0,
  segmentsDone: 0,
  segmentCount: 0,
  bytes: 0,
  damages: 0,
  noted: 0,
  places: []
}

export class Scrub {
  readonly #options: ScrubOptions
  readonly #pace: Pace
  readonly #rate = new RepairRate()
  #record: ScrubRecord

  private constructor(options: ScrubOptions, record: ScrubRecord) {
    this.#options = options
    this.#pace = new Pace(options.bytesPerSecond)
    this.#record = record
  }

  static async open(options: ScrubOptions): Promise<Scrub> {
    const row = await options.metadata.get(scrubKey())
    return new Scrub(options, row === undefined ? before : decodeScrubRecord(row.value))
  }

  get figures(): ScrubFigures {
    const { places: _, volume: _volume, segment: _segment, ...figures } = this.#record
    return { ...figures, rate: this.#record.state === 'running' ? this.#rate.current : 0 }
  }

  /** Begins a round, unless one is under way: that one goes on. */
  async start(): Promise<void> {
    if (this.#record.state === 'done') await this.#begin()
    else await this.resume()
  }

  async pause(): Promise<void> {
    if (this.#record.state === 'running') await this.#advance({ state: 'paused' })
  }

  async resume(): Promise<void> {
    if (this.#record.state === 'paused') await this.#advance({ state: 'running' })
  }

  /** What is due now: a round, or the rest of one. */
  async round(signal: AbortSignal): Promise<void> {
    const { periodMs, now } = this.#options
    const isDue = periodMs > 0 && now() >= this.#record.started + periodMs
    if (this.#record.state === 'done' && isDue) await this.#begin()
    if (this.#record.state !== 'running') return

    for (const volume of this.#options.volumes.all()) {
      if (volume.number < this.#record.volume || !isHome(volume)) continue
      await this.#verifyVolume(volume, signal)
      if (this.#record.places.length > 0) await this.#lookAtRows(signal, { isLast: false })
      if (this.#isStopped(signal)) return
    }
    await this.#lookAtRows(signal, { isLast: true })
    if (this.#isStopped(signal)) return
    await this.#advance({ state: 'done', finished: now() })
  }

  async #begin(): Promise<void> {
    const { volumes, now } = this.#options
    const counts = await Promise.all(
      volumes
        .all()
        .filter(isHome)
        .map(async volume => (await this.#segmentsOf(volume)).length)
    )
    const segmentCount = counts.reduce((sum, count) => sum + count, 0)
    await this.#advance({ ...before, state: 'running', started: now(), segmentCount })
  }

  /** Paused by an order, or stopped with the daemon. */
  #isStopped(signal: AbortSignal): boolean {
    return signal.aborted || this.#record.state !== 'running'
  }

  async #verifyVolume(volume: Volume, signal: AbortSignal): Promise<void> {
    const after = volume.number === this.#record.volume ? this.#record.segment : 0
    for (const segment of await this.#segmentsOf(volume)) {
      if (segment <= after) continue
      const found = new Findings(volume.number, segment)
      await this.#verifySegment(volume, segment, found, signal)
      if (this.#isStopped(signal)) return

      if (found.damages > 0) this.#report(volume, segment, found)
      const { segmentsDone, bytes, damages, places } = this.#record
      await this.#note(await this.#live(found, volume.number, segment), {
        volume: volume.number,
        segment,
        segmentsDone: segmentsDone + 1,
        bytes: bytes + found.bytes,
        damages: damages + found.damages,
        places: merge(places, found.places)
      })
    }
  }

  async #verifySegment(
    volume: Volume,
    segment: number,
    found: Findings,
    signal: AbortSignal
  ): Promise<void> {
    const { files, storeId } = this.#options.volumes
    const expected = { storeId, volumeId: volume.id, segmentNumber: segment }
    let file: DataFile | undefined
    try {
      file = await files.openRead(join(volume.path, segmentsName, segmentName(segment)))
      for await (const items of walkSegment(file, { expected, verifyPayloads: true })) {
        const size = found.add(items)
        this.#rate.add(size)
        await this.#pace.take(size, signal)
        if (this.#isStopped(signal)) return
      }
    } catch (error) {
      // Compaction took it since it was listed: the rows tell whether it was to be there.
      if (errnoOf(error) === 'ENOENT') return
      found.unreadable()
    } finally {
      await file?.close().catch(() => undefined)
    }
  }

  /** Of the extents with a damaged record there, those whose rows name it: the others' are dead bytes. */
  async #live({ records }: Findings, volume: number, segment: number): Promise<Buffer[]> {
    const { metadata } = this.#options
    const rows = await metadata.getMany(records.map(({ extentId }) => extentKey(extentId)))
    return records.flatMap(({ extentId, offset }, index) => {
      const row = rows[index]
      const replicas = row === undefined ? [] : decodeExtentRecord(row.value).replicas
      const isNamed = replicas.some(
        each => each.volume === volume && each.segment === segment && each.offset === offset
      )
      return isNamed ? [extentId] : []
    })
  }

  /** Queues the extents that name what is not there. With `isLast` also those that name a segment that is missing or too short. */
  async #lookAtRows(signal: AbortSignal, { isLast }: { isLast: boolean }): Promise<void> {
    const { metadata, volumes } = this.#options
    const places = this.#record.places
    for await (const extentIds of extentsAt({ metadata, volumes, places, isLast, signal })) {
      const damages = isLast ? this.#record.damages + extentIds.length : this.#record.damages
      await this.#note(extentIds, { damages })
      if (this.#isStopped(signal)) return
    }
    if (!signal.aborted) await this.#advance({ places: [] })
  }

  #report({ number: volume }: Volume, segment: number, { damages }: Findings): void {
    const reason = `scrub found ${damages} places that are not right`
    this.#options.onFault({ kind: 'read', volume, segment, reason })
  }

  /** Queues extents, and the progress with the last of them. */
  async #note(extentIds: readonly Buffer[], change: Partial<ScrubRecord>): Promise<void> {
    for (let from = 0; from + noteCountMax < extentIds.length; from += noteCountMax) {
      await this.#advance({}, extentIds.slice(from, from + noteCountMax))
    }
    const rest = extentIds.length % noteCountMax || Math.min(extentIds.length, noteCountMax)
    await this.#advance(change, extentIds.slice(extentIds.length - rest))
  }

  async #advance(change: Partial<ScrubRecord>, extentIds: Buffer[] = []): Promise<void> {
    const { committer, now, onNoted } = this.#options
    const before = this.#record
    const record = {
      ...before,
      ...change,
      noted: (change.noted ?? before.noted) + extentIds.length
    }
    this.#record = record
    try {
      await committer.mutate('advanceScrub', { record, extentIds, now: now() })
    } catch (error) {
      // What was found is not noted, as far as is known: the next round reads it again.
      if (this.#record === record) this.#record = before
      throw error
    }
    if (extentIds.length > 0) onNoted()
  }

  async #segmentsOf(volume: Volume): Promise<number[]> {
    const { files } = this.#options.volumes
    const names = await files.list(join(volume.path, segmentsName))
    return names
      .flatMap(name => /^([0-9a-f]{12})\.segment$/.exec(name)?.[1] ?? [])
      .map(digits => parseInt(digits, 16))
      .sort((a, b) => a - b)
  }
}

/** What is wrong in one segment. */
class Findings {
  readonly records: { extentId: Buffer; offset: number }[] = []
  readonly places: DamagedPlace[] = []
  bytes = 0
  damages = 0
  readonly #volume: number
  readonly #segment: number

  constructor(volume: number, segment: number) {
    this.#volume = volume
    this.#segment = segment
  }

  /** The bytes of the items. */
  add(items: readonly SegmentItem[]): number {
    let size = 0
    for (const item of items) {
      size += item.size
      if (item.kind === 'record') {
        if (item.payload !== 'damaged') continue
        this.damages++
        this.records.push({ extentId: item.extentId, offset: item.offset })
      } else if (item.kind === 'damaged') {
        this.damages++
        this.#place(item.offset, item.size)
      }
    }
    this.bytes += size
    return size
  }

  unreadable(): void {
    this.damages++
    this.#place(0, Number.MAX_SAFE_INTEGER)
  }

  #place(offset: number, size: number): void {
    this.places.push({ volume: this.#volume, segment: this.#segment, offset, size })
  }
}

/** Where there are too many, each segment is one place. */
function merge(a: readonly DamagedPlace[], b: readonly DamagedPlace[]): DamagedPlace[] {
  const all = [...a, ...b]
  if (all.length <= placeCountMax) return all

  const segments = new Map(all.map(place => [`${place.volume} ${place.segment}`, place]))
  return [...segments.values()].map(({ volume, segment }) => ({
    volume,
    segment,
    offset: 0,
    size: Number.MAX_SAFE_INTEGER
  }))
}
