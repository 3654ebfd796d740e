/** Which files of the store could not be used, and what it cost: kept for as long as the data directory is. */
import type { Damage } from '../../damage.ts';
import type { DamageCalls } from '../../state.ts';
import type { Sqlite } from '../sqlite.ts';

export function recordDamage(database: Sqlite, damage: Damage): void {
  const { foundAt, setAsideAs, reason, salvagedRows, lostRows } = damage;
  database.run(
    'INSERT INTO store_damage (found_at, set_aside_as, reason, salvaged_rows, lost_rows) VALUES (?, ?, ?, ?, ?)',
    [foundAt, setAsideAs, reason, salvagedRows, lostRows],
  );
}

export function damageCalls(database: Sqlite): DamageCalls {
  return {
    damages: () =>
      database.all<Damage>(
        `SELECT found_at AS foundAt, set_aside_as AS setAsideAs, reason, salvaged_rows AS salvagedRows, lost_rows AS lostRows
         FROM store_damage ORDER BY found_at, rowid`,
      ),
  };
}
