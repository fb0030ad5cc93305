// How a part sounds in the browser's own synthesizer: one voice a family of General MIDI. An honest sketch, not the recording.

// [wave, attack, decay to sustain, sustain, release, cutoff in Hz, second oscillator's detune in cents, gain]
const FAMILIES = [
  ["triangle", 0.003, 0.5, 0.15, 0.2, 4200, 4, 0.5], // piano
  ["sine", 0.002, 0.6, 0.0, 0.3, 6000, 1200, 0.45], // chromatic percussion
  ["square", 0.01, 0.05, 0.8, 0.06, 2600, 1200, 0.22], // organ
  ["triangle", 0.004, 0.5, 0.2, 0.12, 3600, 6, 0.5], // guitar
  ["sawtooth", 0.004, 0.25, 0.5, 0.08, 750, 3, 0.55], // bass
  ["sawtooth", 0.08, 0.2, 0.8, 0.25, 2200, 8, 0.22], // strings
  ["sawtooth", 0.1, 0.2, 0.8, 0.35, 1900, 12, 0.22], // ensemble
  ["sawtooth", 0.03, 0.15, 0.7, 0.12, 2600, 5, 0.28], // brass
  ["square", 0.03, 0.1, 0.75, 0.1, 2000, 4, 0.24], // reed
  ["sine", 0.05, 0.1, 0.85, 0.12, 5000, 7, 0.45], // pipe
  ["square", 0.01, 0.1, 0.7, 0.08, 3000, 7, 0.22], // synth lead
  ["sawtooth", 0.25, 0.3, 0.8, 0.6, 1400, 12, 0.22], // synth pad
  ["triangle", 0.05, 0.3, 0.6, 0.5, 2500, 14, 0.35], // synth effects
  ["triangle", 0.004, 0.4, 0.1, 0.15, 3800, 8, 0.45], // plucked
  ["sine", 0.002, 0.3, 0.0, 0.2, 4000, 7, 0.5], // percussive
  ["sine", 0.05, 0.3, 0.5, 0.3, 3000, 0, 0.3], // effects
];
const OVERDRIVEN = new Set([29, 30]);

export function makeVoice(context, part, out) {
  if (part.is_drum) return (when, _duration, pitch, level) => drum(context, out, when, pitch, level);
  const family = FAMILIES[Math.floor(part.program / 8)];
  if (!OVERDRIVEN.has(part.program)) return (when, duration, pitch, level) => tone(context, out, family, when, duration, pitch, level);
  const amplifier = makeAmplifier(context, out);
  const string = ["sawtooth", 0.003, 0.3, 0.7, 0.07, 3500, 6, 0.35];
  return (when, duration, pitch, level) => tone(context, amplifier, string, when, duration, pitch, level);
}

function makeAmplifier(context, out) {
  const shaper = new WaveShaperNode(context, { curve: Float32Array.from({ length: 512 }, (_, i) => Math.tanh((i / 256 - 1) * 7)) });
  const cabinet = new BiquadFilterNode(context, { type: "lowpass", frequency: 3800, Q: 0.8 });
  const body = new BiquadFilterNode(context, { type: "highpass", frequency: 85 });
  shaper.connect(cabinet).connect(body).connect(new GainNode(context, { gain: 0.28 })).connect(out);
  return shaper;
}

function tone(context, out, [wave, attack, decay, sustain, release, cutoff, detune, gain], when, duration, pitch, level) {
  const frequency = 440 * 2 ** ((pitch - 69) / 12);
  const envelope = new GainNode(context, { gain: 0 });
  const filter = new BiquadFilterNode(context, { type: "lowpass", frequency: Math.min(12000, cutoff + frequency * 2) });
  const peak = gain * level;
  const end = when + Math.max(duration, attack + 0.02);
  envelope.gain.setValueAtTime(0, when);
  envelope.gain.linearRampToValueAtTime(peak, when + attack);
  envelope.gain.setTargetAtTime(peak * sustain, when + attack, decay / 3);
  envelope.gain.setTargetAtTime(0, end, release / 3);
  filter.connect(envelope).connect(out);
  const oscillators = [0, detune].map((cents) => new OscillatorNode(context, { type: wave, frequency, detune: cents }));
  for (const oscillator of oscillators) {
    oscillator.connect(filter);
    oscillator.start(when);
    oscillator.stop(end + release * 2);
  }
  oscillators[0].onended = () => envelope.disconnect();
}

// [noise share, tone in Hz, seconds, highpass in Hz, gain] by General MIDI key
const KICK = [0.05, 58, 0.22, 20, 1.0];
const SNARE = [0.75, 190, 0.18, 900, 0.55];
const CLOSED = [1, 0, 0.05, 7500, 0.25];
const OPEN = [1, 0, 0.3, 7000, 0.25];
const CYMBAL = [1, 0, 1.1, 5200, 0.3];
const TOM = (tuned) => [0.1, tuned, 0.28, 40, 0.75];
const DRUMS = {
  35: KICK, 36: KICK, 37: [0.6, 900, 0.04, 1500, 0.4], 38: SNARE, 39: [1, 0, 0.12, 1100, 0.4], 40: SNARE, 42: CLOSED, 44: CLOSED, 46: OPEN,
  41: TOM(80), 43: TOM(95), 45: TOM(115), 47: TOM(140), 48: TOM(165), 50: TOM(190), 49: CYMBAL, 52: CYMBAL, 55: CYMBAL, 57: CYMBAL,
  51: [1, 0, 0.5, 6500, 0.2], 53: [0.5, 1200, 0.4, 3000, 0.2], 59: [1, 0, 0.5, 6500, 0.2],
};

function drum(context, out, when, pitch, level) {
  const [noise, tuned, seconds, highpass, gain] = DRUMS[pitch] ?? [0.8, 0, 0.07, 3000, 0.3];
  const envelope = new GainNode(context, { gain: 0 });
  envelope.gain.setValueAtTime(gain * level, when);
  envelope.gain.exponentialRampToValueAtTime(0.001, when + seconds);
  envelope.connect(out);
  if (noise) {
    const source = new AudioBufferSourceNode(context, { buffer: noiseOf(context), loop: true });
    const filter = new BiquadFilterNode(context, { type: "highpass", frequency: highpass });
    source.connect(filter).connect(new GainNode(context, { gain: noise })).connect(envelope);
    source.start(when, Math.random());
    source.stop(when + seconds);
    source.onended = () => envelope.disconnect();
  }
  if (tuned) {
    const skin = new OscillatorNode(context, { frequency: tuned });
    skin.frequency.setValueAtTime(tuned * 2.2, when);
    skin.frequency.exponentialRampToValueAtTime(tuned, when + 0.06);
    skin.connect(envelope);
    skin.start(when);
    skin.stop(when + seconds);
  }
}

const noises = new WeakMap();

function noiseOf(context) {
  if (!noises.has(context)) {
    const buffer = new AudioBuffer({ length: context.sampleRate * 2, sampleRate: context.sampleRate });
    const samples = buffer.getChannelData(0);
    for (let i = 0; i < samples.length; i++) samples[i] = Math.random() * 2 - 1;
    noises.set(context, buffer);
  }
  return noises.get(context);
}
