import test from 'ava'
import { openClassicLevel } from '../../src/metadata/classic-level.ts'
import { engineSuite } from '../conformance/engine.ts'

engineSuite(test, 'classic-level', path => openClassicLevel({ path }))
