// Real volumes in a directory, three unless it is said, and extents to put on them.

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { sealFrame } from '../../src/crypto/frame-cipher.ts'
import { newId, newKey } from '../../src/crypto/key-wrap.ts'
import { nodeFiles, type FileSystem } from '../../src/file.ts'
import { frameSize } from '../../src/limits.ts'
import type { SealedExtent } from '../../src/storage/extent.ts'
import type { PlacementPolicy } from '../../src/storage/extent-writer.ts'
import { createVolume } from '../../src/storage/superblock.ts'
import {
  VolumeSet,
  type VolumeDescription,
  type VolumeFault
} from '../../src/storage/volume-set.ts'

export const storeId = Buffer.alloc(16, 9)
export const policy: PlacementPolicy = {
  location: 'here',
  replicaCount: 2,
  replicaCountMin: 2,
  replicaTarget: 0
}

export interface TestVolumes {
  root: string
  descriptions: VolumeDescription[]
  volumes: VolumeSet
  faults: VolumeFault[]
}

export async function openVolumes(
  t: ExecutionContext,
  files: FileSystem = nodeFiles,
  volumeCount = 3
): Promise<TestVolumes> {
  const root = await mkdtemp(join(tmpdir(), 'r2d-volumes-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const descriptions: VolumeDescription[] = []
  for (let number = 1; number <= volumeCount; number++) {
    const path = join(root, `volume-${number}`)
    const { id } = await createVolume(path, { storeId, number })
    descriptions.push({
      number,
      id,
      path,
      location: 'here',
      failureDomain: '',
      recorded: 'active'
    })
  }

  const faults: VolumeFault[] = []
  const onFault = (fault: VolumeFault): number => faults.push(fault)
  const volumes = await VolumeSet.open(descriptions, { storeId, onFault, files })
  return { root, descriptions, volumes, faults }
}

export interface TestExtent {
  extent: SealedExtent
  key: Buffer
  content: Buffer
}

export function makeExtent(size: number): TestExtent {
  const [extentId, key, content] = [newId(), newKey(), randomBytes(size)]
  const frames: Buffer[] = []
  for (let offset = 0; offset < size; offset += frameSize) {
    const isLast = offset + frameSize >= size
    const context = { key, extentId, index: frames.length, isLast }
    frames.push(sealFrame(content.subarray(offset, offset + frameSize), context))
  }

  return { extent: { id: extentId, size, frames }, key, content }
}
