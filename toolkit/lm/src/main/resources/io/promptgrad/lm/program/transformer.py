# The one transformer of promptgrad, as TorchScript in the form that torch.jit.load reads.
#
# Letters:  B rows, S tokens, P cached tokens, K = P + S keys, H heads, G key/value heads, D head width,
#           C hidden width, E width of the word embedding, L layers, V vocabulary, N chosen positions.
#
# w[l] holds the weights of layer l by short names ("q.weight", "q.bias", ...), w[L] those of the
# embeddings and the head. A switch that a family does not use is a branch that is never taken.
# An empty tensor stands for "not given" (mask: all ones; types: none; past: no cache).
# Every entry point sets the grad mode itself, because the mode belongs to the calling thread.

def given(x: Tensor) -> bool:
  return torch.gt(torch.numel(x), 0)

def at_least_float32(x: Tensor) -> Tensor:
  code = ops.prim.dtype(x)
  if torch.eq(code, 5) or torch.eq(code, 15):
    return torch.to(x, 6)
  return x

def linear(x: Tensor,
    w: Dict[str, Tensor],
    weight: str,
    bias: str) -> Tensor:
  b = annotate(Optional[Tensor], None)
  if torch.__contains__(w, bias):
    b = w[bias]
  return torch.linear(x, w[weight], b)

def activate(x: Tensor,
    name: str) -> Tensor:
  if torch.eq(name, "gelu"):
    return torch.gelu(x)
  elif torch.eq(name, "gelu_tanh"):
    return torch.gelu(x, approximate="tanh")
  elif torch.eq(name, "silu"):
    return torch.silu(x)
  elif torch.eq(name, "relu"):
    return torch.relu(x)
  elif torch.eq(name, "tanh"):
    return torch.tanh(x)
  return x

# Rotates the pairs (d, d + r/2) of the first r dimensions. x [B, H, S, D], cos and sin [B, 1, S, r].
def rotate(x: Tensor,
    cos: Tensor,
    sin: Tensor) -> Tensor:
  r = torch.size(cos, 3)
  turned = torch.slice(x, 3, 0, r)
  half = torch.floordiv(r, 2)
  first = torch.slice(turned, 3, 0, half)
  second = torch.slice(turned, 3, half, r)
  swapped = torch.cat([torch.neg(second), first], 3)
  y = torch.add(torch.mul(turned, cos), torch.mul(swapped, sin))
  if torch.eq(r, torch.size(x, 3)):
    return y
  return torch.cat([y, torch.slice(x, 3, r, torch.size(x, 3))], 3)

# -log of the summed probability of each row's target tokens.
# logits [N, V] in float32, targets [N, t] padded with -1 -> [N], nats.
def negative_log_likelihood(logits: Tensor,
    targets: Tensor) -> Tensor:
  chosen = torch.gather(logits, 1, torch.clamp_min(targets, 0))
  chosen = torch.masked_fill(chosen, torch.lt(targets, 0), -inf)
  return torch.sub(torch.logsumexp(logits, [1]), torch.logsumexp(chosen, [1]))

class Transformer(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  layers : int
  heads : int
  kv_heads : int
  head_dim : int
  causal : bool
  rotary : bool
  rms_norm : bool
  pre_norm : bool
  embedding_norm : bool
  final_norm : bool
  norm_eps : float
  activation : str
  gated : bool
  head_transform : bool
  head_activation : str
  tied_head : bool
  attention_scales : List[float]
  compute : int
  leaves : List[Tensor]
  plan : List[List[int]]
  keys : List[str]
  w : List[Dict[str, Tensor]]
  constants : List[Tensor]
  first_moments : List[Tensor]
  second_moments : List[Tensor]
  counts : List[Tensor]
  gradients : List[Tensor]

  # ---------------------------------------------------------------- weights

  # Adds one checkpoint tensor. bits: 0 as it is; 15: the bytes are bfloat16 that came labelled float16.
  # dtype: what it is kept as. private: keep a copy of our own instead of the (mapped) memory given.
  def put(self: __torch__.Transformer,
    x: Tensor,
    how: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[int], how.tolist())
    y = x
    if torch.eq(options[0], 15):
      y = torch.view_copy(x, dtype=15)
    y = torch.to(y, options[1])
    if torch.eq(options[2], 1):
      y = torch.clone(y)
    torch.append(self.leaves, y)
    return torch.tensor(torch.len(self.leaves))

  # Adds a tensor that is no weight: constants[0] are the inverse frequencies of rotary positions.
  # A copy, because the memory given may belong to a Java buffer that is collected.
  def put_constant(self: __torch__.Transformer,
    x: Tensor) -> Tensor:
    torch.append(self.constants, torch.clone(x))
    return torch.tensor(torch.len(self.constants))

  # Views of the checkpoint tensors under the short names. plan[i] = leaf, layer, transposed, first row, rows.
  def layout(self: __torch__.Transformer,
    dtype: int) -> List[Dict[str, Tensor]]:
    w = annotate(List[Dict[str, Tensor]], [])
    for l in range(torch.add(self.layers, 1)):
      torch.append(w, annotate(Dict[str, Tensor], {}))
    for i in range(torch.len(self.plan)):
      p = self.plan[i]
      x = self.leaves[p[0]]
      if torch.eq(p[2], 1):
        x = torch.t(x)
      if torch.gt(p[4], 0):
        x = torch.narrow(x, 0, p[3], p[4])
      w[p[1]][self.keys[i]] = torch.to(x, dtype)
    return w

  # Called once after the last put: the frozen model then works on these views.
  def freeze(self: __torch__.Transformer,
    unused: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    self.w = (self).layout(self.compute, )
    return torch.tensor(torch.len(self.leaves))

  # ---------------------------------------------------------------- the model

  def norm(self: __torch__.Transformer,
    x: Tensor,
    w: Dict[str, Tensor],
    weight: str,
    bias: str) -> Tensor:
    if self.rms_norm:
      y = __torch__.at_least_float32(x)
      y = torch.mul(y, torch.rsqrt(torch.add(torch.mean(torch.mul(y, y), [-1], True), self.norm_eps)))
      return torch.mul(w[weight], torch.to(y, ops.prim.dtype(x)))
    return torch.layer_norm(x, [torch.size(x, -1)], w[weight], w[bias], self.norm_eps)

  # Word vectors [B, S, E] of ids [B, S]: the place where the gradient of a search is taken.
  def look_up(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]],
    ids: Tensor) -> Tensor:
    return torch.embedding(w[self.layers]["word.weight"], ids)

  # What is added to the scores: 0 where a query may see a key, -inf elsewhere. [B, 1, S, K] or [1, 1, S, K]
  # A query that sees nothing (left padding) gives 0. The CPU kernel does that by itself; of the CUDA
  # kernels not all do, so there such a query sees everything and "sighted" [B, 1, S, 1] blanks its output.
  def mask_bias(self: __torch__.Transformer,
    mask: Tensor,
    s: int,
    k: int,
    like: Tensor) -> Tuple[Optional[Tensor], Tensor]:
    allowed = annotate(Optional[Tensor], None)
    if __torch__.given(mask):
      allowed = torch.unsqueeze(torch.unsqueeze(torch.to(mask, 11), 1), 1)
    if self.causal:
      ones = torch.ones([s, k], dtype=11, device=ops.prim.device(like))
      lower = torch.unsqueeze(torch.unsqueeze(torch.tril(ones, torch.sub(k, s)), 0), 0)
      if torch.__isnot__(allowed, None):
        allowed = torch.bitwise_and(unchecked_cast(Tensor, allowed), lower)
      else:
        allowed = lower
    sighted = torch.empty([0])
    if torch.__is__(allowed, None):
      return (annotate(Optional[Tensor], None), sighted)
    see = unchecked_cast(Tensor, allowed)
    if torch.__and__(ops.prim.is_cuda(like), __torch__.given(mask, )):
      some = torch.any(see, -1, True)
      see = torch.bitwise_or(see, torch.bitwise_not(some))
      sighted = torch.to(some, ops.prim.dtype(like))
    zeros = torch.zeros(torch.size(see), dtype=ops.prim.dtype(like), device=ops.prim.device(like))
    return (torch.masked_fill(zeros, torch.bitwise_not(see), -inf), sighted)

  def attention(self: __torch__.Transformer,
    x: Tensor,
    w: Dict[str, Tensor],
    bias: Optional[Tensor],
    sighted: Tensor,
    cos: Tensor,
    sin: Tensor,
    past: Tensor,
    layer: int,
    dropout: float) -> Tuple[Tensor, Tensor, Tensor]:
    b = torch.size(x, 0)
    s = torch.size(x, 1)
    q = torch.transpose(torch.reshape(__torch__.linear(x, w, "q.weight", "q.bias", ), [b, s, self.heads, self.head_dim]), 1, 2)      # [B, H, S, D]
    k = torch.transpose(torch.reshape(__torch__.linear(x, w, "k.weight", "k.bias", ), [b, s, self.kv_heads, self.head_dim]), 1, 2)   # [B, G, S, D]
    v = torch.transpose(torch.reshape(__torch__.linear(x, w, "v.weight", "v.bias", ), [b, s, self.kv_heads, self.head_dim]), 1, 2)
    if self.rotary:
      q = __torch__.rotate(q, cos, sin, )
      k = __torch__.rotate(k, cos, sin, )
    new_k = k
    new_v = v
    if __torch__.given(past, ):
      p = torch.size(past, 4)
      past_k = torch.expand(torch.select(torch.select(past, 0, layer), 0, 0), [b, self.kv_heads, p, self.head_dim])
      past_v = torch.expand(torch.select(torch.select(past, 0, layer), 0, 1), [b, self.kv_heads, p, self.head_dim])
      k = torch.cat([torch.to(past_k, ops.prim.dtype(k)), k], 2)                                                                    # [B, G, K, D]
      v = torch.cat([torch.to(past_v, ops.prim.dtype(v)), v], 2)
    if torch.ne(self.kv_heads, self.heads):
      each = torch.floordiv(self.heads, self.kv_heads)
      k = torch.repeat_interleave(k, each, 1)
      v = torch.repeat_interleave(v, each, 1)
    o = torch.scaled_dot_product_attention(q, k, v, bias, dropout, False, scale=self.attention_scales[layer])                       # [B, H, S, D]
    if __torch__.given(sighted, ):
      o = torch.mul(o, sighted)
    o = torch.reshape(torch.transpose(o, 1, 2), [b, s, torch.mul(self.heads, self.head_dim)])
    return (__torch__.linear(o, w, "o.weight", "o.bias", ), new_k, new_v)

  def feed_forward(self: __torch__.Transformer,
    x: Tensor,
    w: Dict[str, Tensor]) -> Tensor:
    up = __torch__.linear(x, w, "up.weight", "up.bias", )
    if self.gated:
      gate = __torch__.linear(x, w, "gate.weight", "gate.bias", )
      up = torch.mul(__torch__.activate(gate, self.activation, ), up)
    else:
      up = __torch__.activate(up, self.activation, )
    return __torch__.linear(up, w, "down.weight", "down.bias", )

  # word vectors e [B, S, E], mask [B, K], types and positions [B, S], past [L, 2, B or 1, G, P, D]
  # -> states: input of layer 0, output of each layer, the last one after the final norm; each [B, S, C]
  #    fresh: keys and values of the S new tokens, [L, 2, B, G, S, D] (only if wanted)
  def trunk(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]],
    e: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    past: Tensor,
    dropout: float,
    want_fresh: bool) -> Tuple[List[Tensor], Tensor]:
    outer = w[self.layers]
    x = torch.to(e, ops.prim.dtype(outer["word.weight"]))
    if torch.__contains__(outer, "type.weight"):
      if __torch__.given(types, ):
        x = torch.add(x, torch.embedding(outer["type.weight"], types))
      else:
        x = torch.add(x, torch.select(outer["type.weight"], 0, 0))
    cos = mask
    sin = mask
    if self.rotary:
      frequencies = self.constants[0]                                                                            # [r/2]
      angle = torch.mul(torch.unsqueeze(torch.to(positions, ops.prim.dtype(frequencies)), -1), frequencies)      # [B, S, r/2]
      angle = torch.unsqueeze(torch.cat([angle, angle], -1), 1)                                                  # [B, 1, S, r]
      cos = torch.to(torch.cos(angle), ops.prim.dtype(x))
      sin = torch.to(torch.sin(angle), ops.prim.dtype(x))
    else:
      x = torch.add(x, torch.embedding(outer["position.weight"], positions))
    if self.embedding_norm:
      x = (self).norm(x, outer, "embedding_norm.weight", "embedding_norm.bias", )
    x = torch.dropout(x, dropout, torch.gt(dropout, 0.))
    s = torch.size(x, 1)
    k = s
    if __torch__.given(past, ):
      k = torch.add(s, torch.size(past, 4))
    bias, sighted, = (self).mask_bias(mask, s, k, x, )
    states = [x]
    fresh = annotate(List[Tensor], [])
    for l in range(self.layers):
      layer = w[l]
      h = x
      if self.pre_norm:
        h = (self).norm(x, layer, "norm1.weight", "norm1.bias", )
      a, new_k, new_v, = (self).attention(h, layer, bias, sighted, cos, sin, past, l, dropout, )
      x = torch.add(x, torch.dropout(a, dropout, torch.gt(dropout, 0.)))
      if torch.__not__(self.pre_norm):
        x = (self).norm(x, layer, "norm1.weight", "norm1.bias", )
      h = x
      if self.pre_norm:
        h = (self).norm(x, layer, "norm2.weight", "norm2.bias", )
      m = (self).feed_forward(h, layer, )
      x = torch.add(x, torch.dropout(m, dropout, torch.gt(dropout, 0.)))
      if torch.__not__(self.pre_norm):
        x = (self).norm(x, layer, "norm2.weight", "norm2.bias", )
      torch.append(states, x)
      if want_fresh:
        torch.append(fresh, torch.stack([new_k, new_v]))
    if self.final_norm:
      states[self.layers] = (self).norm(x, outer, "final_norm.weight", "final_norm.bias", )
    kv = past
    if want_fresh:
      kv = torch.stack(fresh)
    return (states, kv)

  # The head's input at the chosen positions: h [B, S, C], at [N] into B * S -> [N, E]
  def features_at(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]],
    h: Tensor,
    at: Tensor) -> Tensor:
    x = torch.index_select(torch.flatten(h, 0, 1), 0, at)
    if self.head_transform:
      outer = w[self.layers]
      x = __torch__.linear(x, outer, "transform.weight", "transform.bias", )
      x = __torch__.activate(x, self.head_activation, )
      x = torch.layer_norm(x, [torch.size(x, -1)], outer["transform_norm.weight"], outer["transform_norm.bias"], self.norm_eps)
    return x

  def output_weight(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]]) -> Tensor:
    if self.tied_head:
      return w[self.layers]["word.weight"]
    return w[self.layers]["head.weight"]

  # features [N, E] -> [N, V], at least float32
  def logits_of(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]],
    features: Tensor) -> Tensor:
    y = __torch__.at_least_float32(torch.linear(features, (self).output_weight(w, )), )
    if torch.__contains__(w[self.layers], "head.bias"):
      y = torch.add(y, __torch__.at_least_float32(w[self.layers]["head.bias"], ))
    return y

  # ---------------------------------------------------------------- entry points: forward

  def word_vectors(self: __torch__.Transformer,
    ids: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    return __torch__.at_least_float32((self).look_up(self.w, ids, ), )

  # -> [N, V]
  def logits(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    at: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    states, kv, = (self).trunk(self.w, (self).look_up(self.w, ids, ), mask, types, positions, torch.empty([0]), 0., False, )
    return (self).logits_of(self.w, (self).features_at(self.w, states[self.layers], at, ), )

  # the same from word vectors instead of ids, after cached keys and values (empty: none)
  # -> [N, V], keys and values of the new tokens [L, 2, B, G, S, D]
  def extend(self: __torch__.Transformer,
    e: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    past: Tensor,
    at: Tensor) -> Tuple[Tensor, Tensor]:
    torch.set_grad_enabled(False)
    states, kv, = (self).trunk(self.w, e, mask, types, positions, past, 0., True, )
    return ((self).logits_of(self.w, (self).features_at(self.w, states[self.layers], at, ), ), kv)

  # Cached keys and values [L, 2, B or 1, G, P, D] followed by newer ones [L, 2, B, G, S, D].
  def join_caches(self: __torch__.Transformer,
    past: Tensor,
    newer: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    before = torch.expand(past, [-1, -1, torch.size(newer, 2), -1, -1, -1])
    return torch.cat([before, torch.to(newer, ops.prim.dtype(past))], 4)

  # Logits of a few tokens only, tokens [c] -> [N, c]: all that an accuracy needs.
  def token_logits(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    at: Tensor,
    tokens: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    states, kv, = (self).trunk(self.w, (self).look_up(self.w, ids, ), mask, types, positions, torch.empty([0]), 0., False, )
    features = __torch__.at_least_float32((self).features_at(self.w, states[self.layers], at, ), )
    weight = __torch__.at_least_float32(torch.index_select((self).output_weight(self.w, ), 0, tokens), )
    y = torch.linear(features, weight)
    if torch.__contains__(self.w[self.layers], "head.bias"):
      y = torch.add(y, __torch__.at_least_float32(torch.index_select(self.w[self.layers]["head.bias"], 0, tokens), ))
    return y

  # -> loss of each chosen position [N]
  def losses(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    at: Tensor,
    targets: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    states, kv, = (self).trunk(self.w, (self).look_up(self.w, ids, ), mask, types, positions, torch.empty([0]), 0., False, )
    return __torch__.negative_log_likelihood((self).logits_of(self.w, (self).features_at(self.w, states[self.layers], at, ), ), targets, )

  # -> every hidden state [B, S, C] (L + 1 of them)
  def hidden_states(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor) -> List[Tensor]:
    torch.set_grad_enabled(False)
    states, kv, = (self).trunk(self.w, (self).look_up(self.w, ids, ), mask, types, positions, torch.empty([0]), 0., False, )
    out = annotate(List[Tensor], [])
    for i in range(torch.len(states)):
      torch.append(out, __torch__.at_least_float32(states[i], ))
    return out

  # -> what the output matrix is multiplied with, [N, E]
  def features(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    at: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    states, kv, = (self).trunk(self.w, (self).look_up(self.w, ids, ), mask, types, positions, torch.empty([0]), 0., False, )
    return __torch__.at_least_float32((self).features_at(self.w, states[self.layers], at, ), )

  # vectors [n, E] times an embedding table in float32 -> [n, V]; in blocks, so that a half-precision
  # table is never held a second time in float32.  output: 0 the input table, 1 the output matrix
  def times_table(self: __torch__.Transformer,
    vectors: Tensor,
    output: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    table = self.w[self.layers]["word.weight"]
    if torch.eq(int(output), 1):
      table = (self).output_weight(self.w, )
    blocks = annotate(List[Tensor], [])
    rows = torch.size(table, 0)
    start = 0
    while torch.lt(start, rows):
      end = torch.add(start, 16384)
      if torch.gt(end, rows):
        end = rows
      block = __torch__.at_least_float32(torch.slice(table, 0, start, end), )
      torch.append(blocks, torch.matmul(torch.to(vectors, ops.prim.dtype(block)), torch.t(block)))
      start = end
    return torch.cat(blocks, 1)

  # ---------------------------------------------------------------- entry points: gradients

  # loss = sum over the N chosen positions of weights * losses
  # -> losses [N], d loss / d word vectors [B, S, E] (float32 or better, whatever the model computes in)
  def gradient(self: __torch__.Transformer,
    e: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    past: Tensor,
    at: Tensor,
    targets: Tensor,
    weights: Tensor) -> Tuple[Tensor, Tensor]:
    torch.set_grad_enabled(True)
    leaf = torch.requires_grad_(torch.detach(__torch__.at_least_float32(e, )), True)
    states, kv, = (self).trunk(self.w, leaf, mask, types, positions, past, 0., False, )
    losses = __torch__.negative_log_likelihood((self).logits_of(self.w, (self).features_at(self.w, states[self.layers], at, ), ), targets, )
    loss = torch.sum(torch.mul(losses, weights))
    g = torch.grad([loss], [leaf])
    torch.set_grad_enabled(False)
    return (torch.detach(losses), unchecked_cast(Tensor, g[0]))

  # ---------------------------------------------------------------- entry points: training

  # The leaves become parameters with zeroed gradients and optimizer state. Nothing is shared with a file.
  def make_trainable(self: __torch__.Transformer,
    unused: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    owned = annotate(List[Tensor], [])
    for i in range(torch.len(self.leaves)):
      x = torch.requires_grad_(torch.clone(self.leaves[i], memory_format=0), True)
      torch.append(owned, x)
      torch.append(self.gradients, torch.zeros_like(x))
      torch.append(self.first_moments, torch.zeros_like(x))
      torch.append(self.second_moments, torch.zeros_like(x))
      torch.append(self.counts, torch.zeros([], dtype=6, device=ops.prim.device(x)))
    self.leaves = owned
    self.w = (self).layout(self.compute, )
    return torch.tensor(torch.len(self.leaves))

  # Adds d(sum of weights * losses)/d weights to the gradients. settings = [dropout] on the host.
  # -> losses [N]
  def accumulate(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    at: Tensor,
    targets: Tensor,
    weights: Tensor,
    settings: Tensor) -> Tensor:
    torch.set_grad_enabled(True)
    options = annotate(List[float], settings.tolist())
    w = (self).layout(self.compute, )
    states, kv, = (self).trunk(w, (self).look_up(w, ids, ), mask, types, positions, torch.empty([0]), options[0], False, )
    losses = __torch__.negative_log_likelihood((self).logits_of(w, (self).features_at(w, states[self.layers], at, ), ), targets, )
    loss = torch.sum(torch.mul(losses, weights))
    gs = torch.grad([loss], self.leaves, None, None, False, True)
    torch.set_grad_enabled(False)
    for i in range(torch.len(gs)):
      g = gs[i]
      if torch.__isnot__(g, None):
        sum = torch.add_(self.gradients[i], unchecked_cast(Tensor, g))
    return torch.detach(losses)

  # AdamW (Loshchilov and Hutter 2019, Algorithm 2) after clipping the global norm; clears the gradients.
  # settings = [lr, beta1, beta2, eps, weight decay, largest norm or 0] on the host;
  # matrices decay, vectors (biases, norms) do not.  -> global gradient norm before clipping
  def adamw(self: __torch__.Transformer,
    settings: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[float], settings.tolist())
    lr = options[0]
    beta1 = options[1]
    beta2 = options[2]
    norms = torch._foreach_norm(self.gradients, 2)
    norm = torch.linalg_vector_norm(torch.stack(norms))
    if torch.gt(options[5], 0.):
      torch._foreach_mul_(self.gradients, torch.clamp_max(torch.div(options[5], torch.add(norm, 1e-6)), 1.))
    for i in range(torch.len(self.leaves)):
      p = self.leaves[i]
      g = self.gradients[i]
      m = self.first_moments[i]
      v = self.second_moments[i]
      t = torch.add_(self.counts[i], 1)
      m = torch.add_(torch.mul_(m, beta1), g, alpha=torch.sub(1., beta1))
      v = torch.addcmul_(torch.mul_(v, beta2), g, g, value=torch.sub(1., beta2))
      m_hat = torch.div(m, torch.rsub(torch.pow(beta1, t), 1))
      v_hat = torch.div(v, torch.rsub(torch.pow(beta2, t), 1))
      if torch.gt(torch.dim(p), 1):
        p = torch.mul_(p, torch.sub(1., torch.mul(lr, options[4])))
      p = torch.addcdiv_(p, m_hat, torch.add_(torch.sqrt_(v_hat), options[3]), value=torch.neg(lr))
    torch._foreach_zero_(self.gradients)
    self.w = (self).layout(self.compute, )
    return norm

  # After weights were set by hand; gradients of the weights before are of no use then.
  def refresh(self: __torch__.Transformer,
    unused: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    torch._foreach_zero_(self.gradients)
    self.w = (self).layout(self.compute, )
    return torch.tensor(torch.len(self.leaves))

  # kind 0 weights, 1 gradients, 2 first moments, 3 second moments, 4 update counts; which = [kind, index]
  def state(self: __torch__.Transformer,
    which: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[int], which.tolist())
    x = self.leaves
    if torch.eq(options[0], 1):
      x = self.gradients
    elif torch.eq(options[0], 2):
      x = self.first_moments
    elif torch.eq(options[0], 3):
      x = self.second_moments
    elif torch.eq(options[0], 4):
      x = self.counts
    return torch.clone(torch.detach(x[options[1]]), memory_format=0)

  def set_state(self: __torch__.Transformer,
    which: Tensor,
    value: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[int], which.tolist())
    x = self.leaves
    if torch.eq(options[0], 1):
      x = self.gradients
    elif torch.eq(options[0], 2):
      x = self.first_moments
    elif torch.eq(options[0], 3):
      x = self.second_moments
    elif torch.eq(options[0], 4):
      x = self.counts
    y = torch.copy_(x[options[1]], value)
    return torch.tensor(options[1])
