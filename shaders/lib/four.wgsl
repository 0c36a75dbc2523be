// Four neighbours of an operand in workgroup memory.
//
// Text     `f16`: they are rounded to f16, which halves what passes through that memory; products and sums stay f32. What
//          f16 cannot hold becomes its largest number instead of an infinity

#if f16
alias Four = vec4<f16>;

fn to_four(values: vec4f) -> Four {
    return Four(clamp(values, vec4f(-65504.0), vec4f(65504.0)));
}
#else
alias Four = vec4<f32>;

fn to_four(values: vec4f) -> Four {
    return values;
}
#end
