/** The points of the map, drawn with WebGL 2: no library, no generated code, so a strict content policy is enough. */
import type { Palette } from "./palette";

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
  byCluster: boolean;
}

/** Four bytes a point: verdict, cluster colour (255: none), shown, unused. */
export const STATE_BYTES = 4;

export interface Points {
  /** Start and end of each point: (N,4) x0, y0, x1, y1. */
  setPositions(positions: Float32Array): void;
  setState(state: Uint8Array, birth: Float32Array): void;
  draw(frame: Frame): void;
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
uniform bool byCluster, failing;
uniform vec3 clusters[12];
uniform vec3 ink, quiet, okay, glitch;
flat out vec4 colour;
flat out int shape;
flat out float radius;
void main() {
  uint verdict = state.x;
  // Two passes, so that failing tokens lie on top.
  if (state.z == 0u || (verdict == 2u) != failing) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = 1.0;
    return;
  }
  vec3 cluster = state.y == 255u ? ink : clusters[state.y % 12u];
  vec3 known = byCluster ? cluster : okay;
  float lit = clamp((now - birth) / ${FADE_MS.toFixed(1)}, 0.0, 1.0);
  float diameter = size;
  shape = 0;
  colour = vec4(byCluster ? cluster : ink, state.y == 255u ? 0.25 : 0.34);
  if (verdict == 1u) colour = mix(colour, vec4(known, 0.95), lit);
  if (verdict == 2u) {
    colour = mix(colour, vec4(glitch, 1.0), lit);
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
    pixels: at("pixels"), byCluster: at("byCluster"), failing: at("failing"), clusters: at("clusters"), ink: at("ink"),
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
  let n = 0;

  return {
    setPositions(positions) {
      n = positions.length / 4;
      gl.bindBuffer(gl.ARRAY_BUFFER, ends);
      gl.bufferData(gl.ARRAY_BUFFER, positions, gl.STATIC_DRAW);
    },
    setState(bytes, births) {
      gl.bindBuffer(gl.ARRAY_BUFFER, state);
      gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.DYNAMIC_DRAW);
      gl.bindBuffer(gl.ARRAY_BUFFER, birth);
      gl.bufferData(gl.ARRAY_BUFFER, births, gl.DYNAMIC_DRAW);
    },
    draw({ view, palette, mix, now, size, byCluster }) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      if (n === 0) return;
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
      gl.uniform1i(where.byCluster, byCluster ? 1 : 0);
      gl.uniform3fv(where.clusters, palette.clusters.flat());
      gl.uniform3fv(where.ink, palette.ink);
      gl.uniform3fv(where.quiet, palette.quiet);
      gl.uniform3fv(where.okay, palette.ok);
      gl.uniform3fv(where.glitch, palette.glitch);
      for (const failing of [0, 1]) {
        gl.uniform1i(where.failing, failing);
        gl.drawArrays(gl.POINTS, 0, n);
      }
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

/** The same picture with 2-D drawing, for browsers without WebGL 2: slower, and enough for a vocabulary of some 10,000. */
export function canvasPoints(canvas: HTMLCanvasElement): Points | null {
  const context = canvas.getContext("2d");
  if (!context) return null;
  let positions: Float32Array = new Float32Array();
  let state: Uint8Array = new Uint8Array();
  return {
    setPositions(next) {
      positions = next;
    },
    setState(next) {
      state = next;
    },
    draw({ view, palette, mix, size, byCluster }) {
      const pixels = canvas.width / view.width;
      context.setTransform(pixels, 0, 0, pixels, 0, 0);
      context.clearRect(0, 0, view.width, view.height);
      const colour = (rgb: readonly number[], alpha: number) => `rgb(${rgb.map((c) => c * 255).join(" ")} / ${alpha})`;
      for (const failing of [false, true]) {
        for (let i = 0; i < positions.length / 4; i++) {
          const [verdict, hue, shown] = [state[4 * i]!, state[4 * i + 1]!, state[4 * i + 2]!];
          if (!shown || (verdict === 2) !== failing) continue;
          const at = (offset: number) => positions[4 * i + offset]! * (1 - mix) + positions[4 * i + offset + 2]! * mix;
          const [x, y] = toScreen(view, at(0), at(1));
          const cluster = hue === 255 ? palette.ink : palette.clusters[hue % 12]!;
          if (verdict === 2) {
            const r = size * 0.85 + 1;
            context.fillStyle = colour(palette.glitch, 1);
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
            context.fillStyle = verdict === 1 ? colour(byCluster ? cluster : palette.ok, 0.95) : colour(byCluster ? cluster : palette.ink, 0.3);
            context.fillRect(x - size / 2, y - size / 2, size, size);
          }
        }
      }
    },
  };
}
