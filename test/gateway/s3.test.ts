// The S3 conformance suite over a daemon of the default kind: RocksDB, threads, three volumes.

import test from 'ava'
import { checksumSuite } from '../conformance/checksums.ts'
import { copySuite, hugeCopySuite } from '../conformance/copies.ts'
import { extraSuite } from '../conformance/extras.ts'
import { customerKeySuite } from '../conformance/customer-keys.ts'
import { multipartSuite } from '../conformance/multipart.ts'
import { listSuite } from '../conformance/lists.ts'
import { readSuite } from '../conformance/reads.ts'
import { screeningSuite } from '../conformance/screening.ts'
import { s3Suite, type S3Endpoint } from '../conformance/s3.ts'
import { DaemonProcess, makeDaemonHome, removeHome } from '../daemon/daemon-process.ts'

let daemon: DaemonProcess
let endpoint: S3Endpoint

test.before(async () => {
  daemon = await DaemonProcess.start(await makeDaemonHome())
  endpoint = await daemon.s3()
})

test.after.always(async () => {
  await daemon.stop()
  await removeHome(daemon.home)
})

s3Suite(test, 'threads over RocksDB', () => endpoint)
customerKeySuite(test, 'threads over RocksDB', () => endpoint)
multipartSuite(test, 'threads over RocksDB', () => endpoint)
readSuite(test, 'threads over RocksDB', () => endpoint)
checksumSuite(test, 'threads over RocksDB', () => endpoint)
copySuite(test, 'threads over RocksDB', () => endpoint)
extraSuite(test, 'threads over RocksDB', () => endpoint)
screeningSuite(test, 'threads over RocksDB', () => endpoint)
listSuite(test, 'threads over RocksDB', () => endpoint)
hugeCopySuite(test, 'threads over RocksDB', () => endpoint, { isCopied: true })
