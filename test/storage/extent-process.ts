// A process that writes extents, says where each is when it is durable, and is killed.

import { newId, newKey } from '../../src/crypto/key-wrap.ts'
import { sealFrame } from '../../src/crypto/frame-cipher.ts'
import { ExtentWriter } from '../../src/storage/extent-writer.ts'
import { VolumeSet, type VolumeDescription } from '../../src/storage/volume-set.ts'
import { policy, storeId } from './open-volumes.ts'

process.once('message', (sent: (Omit<VolumeDescription, 'id'> & { id: string })[]) => {
  void write(sent.map(each => ({ ...each, id: Buffer.from(each.id, 'hex') })))
})

async function write(descriptions: VolumeDescription[]): Promise<void> {
  const volumes = await VolumeSet.open(descriptions, { storeId, onFault: () => undefined })
  const writer = new ExtentWriter({ volumes })
  for (let n = 0; ; n++) {
    const [id, key, size, byte] = [newId(), newKey(), 1 + ((n * 977) % 60_000), n % 256]
    const frames = [
      sealFrame(Buffer.alloc(size, byte), { key, extentId: id, index: 0, isLast: true })
    ]
    const replicas = await writer.write({ id, size, frames }, policy)
    process.send?.({ id: id.toString('hex'), key: key.toString('hex'), size, byte, replicas })
  }
}
