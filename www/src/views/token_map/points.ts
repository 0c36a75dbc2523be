/** The points of the map, drawn with WebGL 2: no library, no generated code, so a strict content policy is enough. */
import type { Palette, Rgb } from "./palette";

/** Where layout coordinates in [-1, 1] land on the screen, in CSS pixels. */
export interface View {
  width: number;
  height: number;
  zoom: number;
  /** Pan. */
  x: number;
  y: number;
}

export interface Frame {
  view: View;
  palette: Palette;
  /** 0: start positions, 1: end positions. */
  mix: number;
  /** Milliseconds, on the clock of `birth`. */
  now: number;
  /** Diameter of an ordinary point in CSS pixels. */
  size: number;
  /** Share of the ordinary points that is drawn: less than 1 while the map moves faster than all of them could be. */
  detail: number;
  /** Twelve colours that the state's second byte names; null: the verdicts give the colour. */
  colours: readonly Rgb[] | null;
  /** Failing points take these colours too. */
  failing: boolean;
}

/** Four bytes a point: verdict, colour (255: none), shown, unused. */
export const STATE_BYTES = 4;

export interface Points {
  /** Start and end of each point: (N,4) x0, y0, x1, y1. */
  setPositions(positions: Float32Array): void;
  setState(state: Uint8Array, birth: Float32Array): void;
  draw(frame: Frame): void;
}

/** A fixed random order of n points, so that the first of them are a fair sample of all. */
export function shuffled(n: number): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  let state = 0x2545f491;
  for (let i = n - 1; i > 0; i--) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const j = (state >>> 0) % (i + 1);
    const there = order[i]!;
    order[i] = order[j]!;
    order[j] = there;
  }
  return order;
}

/** What is to be drawn of points in that order: those that are shown, failing ones apart, because they lie on top. */
export function drawn(order: Uint32Array, state: Uint8Array): { ordinary: Uint32Array; failing: Uint32Array } {
  const [ordinary, failing] = [new Uint32Array(order.length), new Uint32Array(order.length)];
  let [n, m] = [0, 0];
  for (const i of order) {
    if (state[STATE_BYTES * i + 2] === 0) continue;
    if (state[STATE_BYTES * i] === 2) failing[m++] = i;
    else ordinary[n++] = i;
  }
  return { ordinary: ordinary.subarray(0, n), failing: failing.subarray(0, m) };
}

/** Border of the stage that points never reach at zoom 1, in CSS pixels. */
export const MARGIN = 14;
export const FADE_MS = 150;

export function toScreen(view: View, x: number, y: number): [number, number] {
  return [
    view.width / 2 + x * (view.width / 2 - MARGIN) * view.zoom + view.x,
    view.height / 2 - y * (view.height / 2 - MARGIN) * view.zoom + view.y,
  ];
}

export function toLayout(view: View, x: number, y: number): [number, number] {
  return [
    (x - view.x - view.width / 2) / ((view.width / 2 - MARGIN) * view.zoom),
    -(y - view.y - view.height / 2) / ((view.height / 2 - MARGIN) * view.zoom),
  ];
}

const VERTEX = `#version 300 es
layout(location = 0) in vec4 ends;
layout(location = 1) in uvec4 state;
layout(location = 2) in float birth;
uniform vec2 scale, offset;
uniform float progress, now, size, pixels;
uniform bool coloured, failing;
uniform vec3 colours[12];
uniform vec3 ink, quiet, okay, glitch;
flat out vec4 colour;
flat out int shape;
flat out float radius;
void main() {
  uint verdict = state.x;
  vec3 own = state.y == 255u ? ink : colours[state.y % 12u];
  vec3 known = coloured ? own : okay;
  vec3 failed = coloured && failing && state.y != 255u ? own : glitch;
  float lit = clamp((now - birth) / ${FADE_MS.toFixed(1)}, 0.0, 1.0);
  float diameter = size;
  shape = 0;
  colour = vec4(coloured ? own : ink, state.y == 255u ? 0.25 : 0.34);
  if (verdict == 1u) colour = mix(colour, vec4(known, coloured && state.y == 255u ? 0.34 : 0.95), lit);
  if (verdict == 2u) {
    colour = mix(colour, vec4(failed, 1.0), lit);
    diameter = mix(size, size * 1.7 + 2.0, lit);
    shape = 1;
  }
  if (verdict == 3u) {
    colour = vec4(quiet, 0.55);
    diameter = size + 1.5;
    shape = 2;
  }
  radius = diameter * pixels * 0.5;
  gl_PointSize = diameter * pixels + 2.0;
  gl_Position = vec4(mix(ends.xy, ends.zw, progress) * scale + offset, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
flat in vec4 colour;
flat in int shape;
flat in float radius;
out vec4 result;
void main() {
  vec2 p = (gl_PointCoord - 0.5) * (2.0 * radius + 2.0);
  float distance = shape == 1 ? abs(p.x) + abs(p.y) - radius : length(p) - radius;
  if (shape == 2) distance = abs(distance + 0.75) - 0.75;
  float covered = clamp(0.5 - distance, 0.0, 1.0) * colour.a;
  if (covered <= 0.0) discard;
  result = vec4(colour.rgb * covered, covered);
}`;

/** Null where the browser has no WebGL 2. */
export function webglPoints(canvas: HTMLCanvasElement): Points | null {
  const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, premultipliedAlpha: true });
  if (!gl) return null;
  const program = link(gl);
  if (!program) return null;
  const at = (name: string) => gl.getUniformLocation(program, name);
  const where = {
    scale: at("scale"), offset: at("offset"), progress: at("progress"), now: at("now"), size: at("size"),
    pixels: at("pixels"), coloured: at("coloured"), failing: at("failing"), colours: at("colours"), ink: at("ink"),
    quiet: at("quiet"), okay: at("okay"), glitch: at("glitch"),
  };
  const [ends, state, birth] = [gl.createBuffer(), gl.createBuffer(), gl.createBuffer()];
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, ends);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 4, gl.FLOAT, false, 0, 0);
  gl.bindBuffer(gl.ARRAY_BUFFER, state);
  gl.enableVertexAttribArray(1);
  gl.vertexAttribIPointer(1, 4, gl.UNSIGNED_BYTE, 0, 0);
  gl.bindBuffer(gl.ARRAY_BUFFER, birth);
  gl.enableVertexAttribArray(2);
  gl.vertexAttribPointer(2, 1, gl.FLOAT, false, 0, 0);
  const indices = gl.createBuffer();
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, indices);
  gl.bindVertexArray(null);
  let order: Uint32Array = new Uint32Array();
  let [ordinary, failed] = [0, 0];

  return {
    setPositions(positions) {
      if (order.length !== positions.length / 4) {
        order = shuffled(positions.length / 4);
        [ordinary, failed] = [0, 0];
      }
      gl.bindBuffer(gl.ARRAY_BUFFER, ends);
      gl.bufferData(gl.ARRAY_BUFFER, positions, gl.STATIC_DRAW);
    },
    setState(bytes, births) {
      const lists = drawn(order, bytes);
      [ordinary, failed] = [lists.ordinary.length, lists.failing.length];
      gl.bindVertexArray(array);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, 4 * (ordinary + failed), gl.DYNAMIC_DRAW);
      gl.bufferSubData(gl.ELEMENT_ARRAY_BUFFER, 0, lists.ordinary);
      gl.bufferSubData(gl.ELEMENT_ARRAY_BUFFER, 4 * ordinary, lists.failing);
      gl.bindVertexArray(null);
      gl.bindBuffer(gl.ARRAY_BUFFER, state);
      gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.DYNAMIC_DRAW);
      gl.bindBuffer(gl.ARRAY_BUFFER, birth);
      gl.bufferData(gl.ARRAY_BUFFER, births, gl.DYNAMIC_DRAW);
    },
    draw({ view, palette, mix, now, size, detail, colours, failing }) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      if (ordinary + failed === 0) return;
      gl.useProgram(program);
      gl.bindVertexArray(array);
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      gl.uniform2f(
        where.scale,
        ((view.width - 2 * MARGIN) * view.zoom) / view.width, ((view.height - 2 * MARGIN) * view.zoom) / view.height,
      );
      gl.uniform2f(where.offset, (2 * view.x) / view.width, (-2 * view.y) / view.height);
      gl.uniform1f(where.progress, mix);
      gl.uniform1f(where.now, now);
      gl.uniform1f(where.size, size);
      gl.uniform1f(where.pixels, canvas.width / view.width);
      gl.uniform1i(where.coloured, colours ? 1 : 0);
      gl.uniform1i(where.failing, failing ? 1 : 0);
      gl.uniform3fv(where.colours, (colours ?? palette.clusters).flat());
      gl.uniform3fv(where.ink, palette.ink);
      gl.uniform3fv(where.quiet, palette.quiet);
      gl.uniform3fv(where.okay, palette.ok);
      gl.uniform3fv(where.glitch, palette.glitch);
      gl.drawElements(gl.POINTS, Math.ceil(ordinary * detail), gl.UNSIGNED_INT, 0);
      gl.drawElements(gl.POINTS, failed, gl.UNSIGNED_INT, 4 * ordinary);
      gl.bindVertexArray(null);
    },
  };
}

function link(gl: WebGL2RenderingContext): WebGLProgram | null {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(kind);
    if (!shader) return null;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (gl.getProgramParameter(program, gl.LINK_STATUS)) return program;
  if (!gl.isContextLost()) {
    const logs = (gl.getAttachedShaders(program) ?? []).map((shader) => gl.getShaderInfoLog(shader));
    throw new Error(`the map's shaders were refused: ${[gl.getProgramInfoLog(program), ...logs].join(" ")}`);
  }
  return null;
}

/** Points that 2-D drawing puts down at once, in some tenths of a second. */
const CANVAS_POINTS_MAX = 60_000;

/** The same picture with 2-D drawing, for browsers without WebGL 2: slower, and of a large vocabulary only a sample. */
export function canvasPoints(canvas: HTMLCanvasElement): Points | null {
  const context = canvas.getContext("2d");
  if (!context) return null;
  let positions: Float32Array = new Float32Array();
  let state: Uint8Array = new Uint8Array();
  let order: Uint32Array = new Uint32Array();
  let lists = drawn(order, state);
  return {
    setPositions(next) {
      positions = next;
      if (order.length !== next.length / 4) order = shuffled(next.length / 4);
    },
    setState(next) {
      state = next;
      lists = drawn(order, state);
    },
    draw({ view, palette, mix, size, detail, colours, failing }) {
      const pixels = canvas.width / view.width;
      context.setTransform(pixels, 0, 0, pixels, 0, 0);
      context.clearRect(0, 0, view.width, view.height);
      const colour = (rgb: readonly number[], alpha: number) => `rgb(${rgb.map((c) => c * 255).join(" ")} / ${alpha})`;
      const ordinary = lists.ordinary.subarray(0, Math.ceil(Math.min(CANVAS_POINTS_MAX, lists.ordinary.length * detail)));
      for (const list of [ordinary, lists.failing]) {
        for (const i of list) {
          const [verdict, hue] = [state[4 * i]!, state[4 * i + 1]!];
          const at = (offset: number) => positions[4 * i + offset]! * (1 - mix) + positions[4 * i + offset + 2]! * mix;
          const [x, y] = toScreen(view, at(0), at(1));
          const own = hue === 255 || !colours ? palette.ink : colours[hue % 12]!;
          if (verdict === 2) {
            const r = size * 0.85 + 1;
            context.fillStyle = colour(failing && colours && hue !== 255 ? own : palette.glitch, 1);
            context.beginPath();
            context.moveTo(x, y - r);
            context.lineTo(x + r, y);
            context.lineTo(x, y + r);
            context.lineTo(x - r, y);
            context.fill();
          } else if (verdict === 3) {
            context.strokeStyle = colour(palette.quiet, 0.55);
            context.beginPath();
            context.arc(x, y, size / 2, 0, 2 * Math.PI);
            context.stroke();
          } else {
            context.fillStyle = verdict === 1 ? colour(colours ? own : palette.ok, colours && hue === 255 ? 0.3 : 0.95) : colour(own, 0.3);
            context.fillRect(x - size / 2, y - size / 2, size, size);
          }
        }
      }
    },
  };
}
