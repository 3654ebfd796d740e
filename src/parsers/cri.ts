/**
 * The Kubernetes Container Runtime Interface's log format, as containerd and CRI-O write it:
 * `2016-10-06T00:17:09.669794202Z stdout F The content of the log entry 1`.
 *
 * Time (RFC 3339, nanoseconds), stream, tags separated by colons, of which the first is P (partial: the line was longer than the
 * runtime's buffer and goes on) or F (full), a blank, the content. Defined in kubernetes/kubernetes,
 * pkg/kubelet/kuberuntime/logs/logs.go and design-proposals "kubelet-cri-logging".
 */
import { parseTimestamp } from '../record/timestamp.ts';
import type { EnvelopeKind } from './envelope.ts';

const header =
  /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([PF])(?::([^ ]*))?(?: |$)/;

export const cri: EnvelopeKind = {
  description: 'containers under Kubernetes (containerd, CRI-O); what is inside may be of any format',
  open(text, options) {
    const match = header.exec(text);
    if (match === null) return null;
    const [whole, time = '', stream = '', tag, moreTags] = match;
    const timestamp = parseTimestamp(time, options);
    if (timestamp === null) return null;
    const metadata: [string, string][] = [['stream', stream]];
    if (moreTags !== undefined) metadata.push(['tags', moreTags]);
    return { envelope: 'cri', text: text.slice(whole.length), stream, isPartial: tag === 'P', timestamp, metadata };
  },
};
