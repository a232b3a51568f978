// Pages of a list, one after the other.
import { Runloop } from '@runloop/api-client';
import { all, tell } from './told.mjs';

const names = (await all(new Runloop().scenarios.list({ limit: 4 }))).map((each) => each.name);
tell({ several: names.length > 8 });
