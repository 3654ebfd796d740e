/** The messages of all rows that a daemon has, in order of arrival. */
import type { RegressionClient } from '../src/client/client.ts';

export async function storedMessages(client: RegressionClient): Promise<string[]> {
  const messages: string[] = [];
  for await (const { message } of client.rows({ order: 'arrival', limit: 5000 })) messages.push(message);
  return messages;
}
