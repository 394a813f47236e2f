# The one transformer of promptgrad, as TorchScript in the form that torch.jit.load reads.
#
# Letters:  B rows, S tokens, P cached tokens, K = P + S keys, H heads, G key/value heads, D head width,
#           C hidden width, E width of the word embedding, L layers, V vocabulary, N chosen positions,
#           T tokens of a decoder.
#
# w[l] holds the weights of layer l by short names ("q.weight", "q.bias", ...), w[layers] those of the
# embeddings and the head. An encoder-decoder has its encoder's layers first; its chosen positions are
# the decoder's. A switch or a weight that a family does not have is a branch that is never taken.
# An empty tensor stands for "not given" (mask: all ones; types: none; past: no cache; decoder: no ids).
# Every entry point sets the grad mode itself, because the mode belongs to the calling thread.

def given(x: Tensor) -> bool:
  return torch.gt(torch.numel(x), 0)

# How many tokens of a past [L, 2, B or 1, G, P, D] are there; cached: -1 means all.
def length(past: Tensor,
    cached: int) -> int:
  n = 0
  if __torch__.given(past, ):
    n = cached
    if torch.lt(cached, 0):
      n = torch.size(past, 4)
  return n

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

# Gemma 2 keeps scores and logits within +-cap.
def capped(x: Tensor,
    cap: float) -> Tensor:
  return torch.mul(torch.tanh(torch.div(x, cap)), cap)

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

# x without a share of its numbers, which become 0, and the others larger by as much. Number i stays where a hash of
# seed and i (Steele, Lea and Flood 2014, with arithmetic shifts) says so: on every device the same ones.
def dropped(x: Tensor,
    share: float,
    seed: int) -> Tensor:
  if torch.eq(share, 0.):
    return x
  h = torch.arange(torch.numel(x), dtype=4, device=ops.prim.device(x))
  h = torch.add(torch.mul(h, -7046029254386353131), seed)
  h = torch.mul(torch.bitwise_xor(h, torch.bitwise_right_shift(h, 30)), -4658895280553007687)
  h = torch.mul(torch.bitwise_xor(h, torch.bitwise_right_shift(h, 27)), -7723592293110705685)
  h = torch.bitwise_and(torch.bitwise_right_shift(h, 40), 16777215)
  stays = torch.reshape(torch.ge(h, torch.mul(share, 16777216.)), torch.size(x))
  return torch.mul(torch.mul(x, torch.to(stays, ops.prim.dtype(x))), torch.div(1., torch.sub(1., share)))

class Transformer(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  layers : int
  encoder_layers : int
  heads : int
  kv_heads : int
  head_dim : int
  causal : bool
  rotary : bool
  buckets : int
  farthest : int
  table_scale : float
  input_scale : float
  rms_norm : bool
  norm_offset : bool
  input_norms : bool
  output_norms : bool
  sum_norms : bool
  embedding_norm : bool
  final_norm : bool
  norm_eps : float
  parallel : bool
  activation : str
  gated : bool
  score_cap : float
  head_transform : bool
  head_activation : str
  head_scale : float
  head_cap : float
  tied_head : bool
  attention_scales : List[float]
  kinds : List[int]
  windows : List[int]
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
      y = torch.set_(torch.new_empty(x, [0], dtype=15), x)
    y = torch.to(y, options[1])
    if torch.eq(options[2], 1):
      y = torch.clone(y)
    torch.append(self.leaves, y)
    return torch.tensor(torch.len(self.leaves))

  # Adds a tensor that is no weight: constants[kind] are the inverse frequencies of rotary positions in
  # layers of that kind; kinds without any of their own share those of the kind before.
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
      if self.norm_offset:
        # Gemma stores the gain less 1, and multiplies before it rounds
        return torch.to(torch.mul(y, torch.add(__torch__.at_least_float32(w[weight]), 1)), ops.prim.dtype(x))
      return torch.mul(w[weight], torch.to(y, ops.prim.dtype(x)))
    return torch.layer_norm(x, [torch.size(x, -1)], w[weight], w[bias], self.norm_eps)

  # Word vectors [B, S, E] of ids [B, S]: the place where the gradient of a search is taken.
  def look_up(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]],
    ids: Tensor) -> Tensor:
    x = torch.embedding(w[self.layers]["word.weight"], ids)
    if torch.ne(self.table_scale, 1.):
      # as a tensor, because the reference rounds the factor to the type of the vectors
      x = torch.mul(x, torch.full([], self.table_scale, dtype=ops.prim.dtype(x)))
    return x

  # Word vectors e [B, S, E] -> input of the first layer [B, S, C]. positions [B or 1, S]
  def embed(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]],
    e: Tensor,
    types: Tensor,
    positions: Tensor,
    dropout: float) -> Tensor:
    outer = w[self.layers]
    x = torch.to(e, ops.prim.dtype(outer["word.weight"]))
    if torch.__contains__(outer, "widen_words.weight"):
      x = __torch__.linear(x, outer, "widen_words.weight", "widen_words.bias", )
    if torch.ne(self.input_scale, 1.):
      x = torch.mul(x, torch.full([], self.input_scale, dtype=ops.prim.dtype(x)))
    if torch.__contains__(outer, "type.weight"):
      if __torch__.given(types, ):
        x = torch.add(x, torch.embedding(outer["type.weight"], types))
      else:
        x = torch.add(x, torch.select(outer["type.weight"], 0, 0))
    if torch.__contains__(outer, "position.weight"):
      x = torch.add(x, torch.embedding(outer["position.weight"], positions))
    if self.embedding_norm:
      x = (self).norm(x, outer, "embedding_norm.weight", "embedding_norm.bias", )
    x = torch.dropout(x, dropout, torch.gt(dropout, 0.))
    if torch.__contains__(outer, "widen.weight"):
      x = __torch__.linear(x, outer, "widen.weight", "widen.bias", )
    return x

  # Cosines and sines of the rotary angles, each [B or 1, 1, S, r]. positions [B or 1, S]
  def angles(self: __torch__.Transformer,
    kind: int,
    positions: Tensor,
    like: Tensor) -> Tuple[Tensor, Tensor]:
    frequencies = self.constants[kind]                                                                         # [r/2]
    angle = torch.mul(torch.unsqueeze(torch.to(positions, ops.prim.dtype(frequencies)), -1), frequencies)      # [B, S, r/2]
    angle = torch.unsqueeze(torch.cat([angle, angle], -1), 1)                                                  # [B, 1, S, r]
    return (torch.to(torch.cos(angle), ops.prim.dtype(like)), torch.to(torch.sin(angle), ops.prim.dtype(like)))

  # What is added to the scores: 0 where a query may see a key, -inf elsewhere. [B or 1, 1, S, K]; None: 0
  # window: a query sees only keys whose position is less than that behind its own; 0: all.
  # A query that sees nothing (left padding) gives 0. The fused CPU kernel does that by itself; of the CUDA
  # kernels not all do, nor does our own softmax, so there such a query sees everything and "sighted"
  # [B, 1, S, 1] blanks its output.
  def mask_bias(self: __torch__.Transformer,
    mask: Tensor,
    positions: Tensor,
    s: int,
    k: int,
    causal: bool,
    window: int,
    like: Tensor) -> Tuple[Optional[Tensor], Optional[Tensor]]:
    allowed = annotate(Optional[Tensor], None)
    sighted = annotate(Optional[Tensor], None)
    masked = __torch__.given(mask, )
    if masked:
      allowed = torch.unsqueeze(torch.unsqueeze(torch.to(mask, 11), 1), 1)
    if torch.__and__(causal, torch.gt(s, 1)):
      ones = torch.ones([s, k], dtype=11, device=ops.prim.device(like))
      lower = torch.unsqueeze(torch.unsqueeze(torch.tril(ones, torch.sub(k, s)), 0), 0)
      if torch.__isnot__(allowed, None):
        allowed = torch.bitwise_and(unchecked_cast(Tensor, allowed), lower)
      else:
        allowed = lower
    if torch.__and__(torch.gt(window, 0), torch.gt(k, window)):
      gone = torch.sub(torch.slice(positions, 1, torch.sub(k, s), k), window)                                  # [B or 1, S]
      near = torch.gt(torch.unsqueeze(torch.unsqueeze(positions, 1), 1), torch.unsqueeze(torch.unsqueeze(gone, 1), -1))
      if torch.__isnot__(allowed, None):
        allowed = torch.bitwise_and(unchecked_cast(Tensor, allowed), near)
      else:
        allowed = near
    if torch.__is__(allowed, None):
      return (allowed, sighted)
    see = unchecked_cast(Tensor, allowed)
    if torch.__and__(masked, torch.__or__(ops.prim.is_cuda(like), torch.gt(self.score_cap, 0.))):
      some = torch.any(see, -1, True)
      see = torch.bitwise_or(see, torch.bitwise_not(some))
      sighted = torch.to(some, ops.prim.dtype(like))
    zeros = torch.zeros(torch.size(see), dtype=ops.prim.dtype(like), device=ops.prim.device(like))
    return (torch.masked_fill(zeros, torch.bitwise_not(see), -inf), sighted)

  # T5: each head adds to a score a learned value for the distance from query to key, in buckets that are
  # single distances at first and then grow with the distance. table [buckets, H], positions [B or 1, K]
  # -> [B or 1, H, S, K]
  def distance_bias(self: __torch__.Transformer,
    table: Tensor,
    positions: Tensor,
    s: int,
    k: int,
    causal: bool) -> Tensor:
    ahead = torch.sub(torch.unsqueeze(positions, 1), torch.unsqueeze(torch.slice(positions, 1, torch.sub(k, s), k), -1))  # [B, S, K]
    n = self.buckets
    distance = torch.clamp_min(torch.neg(ahead), 0)
    first = torch.zeros_like(ahead)
    if torch.__not__(causal):
      n = torch.floordiv(n, 2)
      distance = torch.abs(ahead)
      first = torch.mul(torch.to(torch.gt(ahead, 0), 4), n)
    single = torch.floordiv(n, 2)
    growth = torch.log(torch.div(torch.to(torch.clamp_min(distance, 1), 6), float(single)))
    growth = torch.mul(torch.div(growth, torch.log(torch.div(float(self.farthest), float(single)))), torch.sub(n, single))
    far = torch.clamp_max(torch.add(torch.to(growth, 4), single), torch.sub(n, 1))
    bucket = torch.add(first, torch.where(torch.lt(distance, single), distance, far))
    return torch.permute(torch.embedding(table, bucket), [0, 3, 1, 2])

  # y [B, S, n * D] -> n heads [B, n, S, D]
  def split(self: __torch__.Transformer,
    y: Tensor,
    n: int) -> Tensor:
    return torch.transpose(torch.reshape(y, [torch.size(y, 0), torch.size(y, 1), n, self.head_dim]), 1, 2)

  # A norm of projected queries or keys, in groups as wide as its weight: one head or all of them.
  def group_norm(self: __torch__.Transformer,
    y: Tensor,
    w: Dict[str, Tensor],
    weight: str) -> Tensor:
    return (self).norm(torch.reshape(y, [torch.size(y, 0), torch.size(y, 1), -1, torch.size(w[weight], 0)]), w, weight, "", )

  # Attention of x [B, S, C] to itself and to what is cached, past [L, 2, B or 1, G, P, D] (layer i), or, as
  # "crossing", to an encoded text, past [L, 2, B or 1, G, K, D]. -> output [B, S, C], new keys, new values
  # cached: so many tokens of the past are there, and behind them is room; -1: all, and no room
  def attention(self: __torch__.Transformer,
    x: Tensor,
    w: Dict[str, Tensor],
    bias: Optional[Tensor],
    sighted: Optional[Tensor],
    cos: Tensor,
    sin: Tensor,
    past: Tensor,
    cached: int,
    i: int,
    crossing: bool,
    scale: float,
    dropout: float) -> Tuple[Tensor, Tensor, Tensor]:
    b = torch.size(x, 0)
    s = torch.size(x, 1)
    if crossing:
      q = (self).split(__torch__.linear(x, w, "cross_q.weight", "cross_q.bias", ), self.heads, )
      text = torch.to(torch.expand(torch.select(past, 0, i), [-1, b, -1, -1, -1]), ops.prim.dtype(q))
      k = torch.select(text, 0, 0)
      v = torch.select(text, 0, 1)
    elif torch.__contains__(w, "qkv.weight"):
      # GPT-NeoX: each head's query, key and value side by side
      y = torch.reshape(__torch__.linear(x, w, "qkv.weight", "qkv.bias", ), [b, s, self.heads, 3, self.head_dim])
      q = torch.transpose(torch.select(y, 3, 0), 1, 2)
      k = torch.transpose(torch.select(y, 3, 1), 1, 2)
      v = torch.transpose(torch.select(y, 3, 2), 1, 2)
    else:
      q = __torch__.linear(x, w, "q.weight", "q.bias", )
      k = __torch__.linear(x, w, "k.weight", "k.bias", )
      v = __torch__.linear(x, w, "v.weight", "v.bias", )
      if torch.__contains__(w, "q_norm.weight"):
        q = (self).group_norm(q, w, "q_norm.weight", )
        k = (self).group_norm(k, w, "k_norm.weight", )
      q = torch.transpose(torch.reshape(q, [b, s, self.heads, self.head_dim]), 1, 2)                                                # [B, H, S, D]
      k = torch.transpose(torch.reshape(k, [b, s, self.kv_heads, self.head_dim]), 1, 2)                                             # [B, G, S, D]
      v = torch.transpose(torch.reshape(v, [b, s, self.kv_heads, self.head_dim]), 1, 2)
    if torch.__and__(self.rotary, torch.__not__(crossing)):
      q = __torch__.rotate(q, cos, sin, )
      k = __torch__.rotate(k, cos, sin, )
    new_k = k
    new_v = v
    if torch.__and__(torch.__not__(crossing), __torch__.given(past, )):
      old = torch.expand(torch.select(past, 0, i), [-1, b, -1, -1, -1])
      if torch.ge(cached, 0):
        # written into the room behind the cached ones, so that these need not be copied
        old = torch.slice(old, 3, 0, torch.add(cached, s))
        written = torch.copy_(torch.slice(old, 3, cached), torch.stack([k, v]))
        k = torch.to(torch.select(old, 0, 0), ops.prim.dtype(q))                                                                    # [B, G, K, D]
        v = torch.to(torch.select(old, 0, 1), ops.prim.dtype(q))
      else:
        k = torch.cat([torch.to(torch.select(old, 0, 0), ops.prim.dtype(k)), k], 2)                                                 # [B, G, K, D]
        v = torch.cat([torch.to(torch.select(old, 0, 1), ops.prim.dtype(v)), v], 2)
    if torch.ne(self.kv_heads, self.heads):
      each = torch.floordiv(self.heads, self.kv_heads)
      k = torch.repeat_interleave(k, each, 1)
      v = torch.repeat_interleave(v, each, 1)
    if torch.gt(self.score_cap, 0.):
      scores = __torch__.capped(torch.mul(torch.matmul(q, torch.transpose(k, 2, 3)), scale), self.score_cap, )                      # [B, H, S, K]
      if torch.__isnot__(bias, None):
        scores = torch.add(scores, unchecked_cast(Tensor, bias))
      p = torch.to(torch.softmax(__torch__.at_least_float32(scores, ), -1), ops.prim.dtype(v))
      o = torch.matmul(torch.dropout(p, dropout, torch.gt(dropout, 0.)), v)
    else:
      o = torch.scaled_dot_product_attention(q, k, v, bias, dropout, False, scale=scale)                                            # [B, H, S, D]
    if torch.__isnot__(sighted, None):
      o = torch.mul(o, unchecked_cast(Tensor, sighted))
    o = torch.reshape(torch.transpose(o, 1, 2), [b, s, torch.mul(self.heads, self.head_dim)])
    if crossing:
      return (__torch__.linear(o, w, "cross_o.weight", "cross_o.bias", ), new_k, new_v)
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

  # The layers first .. last - 1 and the norm behind them, whose name is "final".
  # x [B, S, C], mask [B, K], positions [B or 1, S, or K where distances count],
  # past [L, 2, B or 1, G, P, D] and how much of it is cached, as for attention,
  # cross: keys and values of an encoded text [L, 2, B or 1, G, S', D] and its mask [B, S']
  # -> states: input of the first layer, output of each layer, the last one after the final norm; each [B, S, C]
  #    fresh: keys and values of the S new tokens, [L, 2, B, G, S, D] (only if wanted)
  # nudges [M, P, C]: blocks of vectors that are added to inputs of layers at places nudged_at [B * P] of B * S;
  # nudge_of [l, B]: which block, for the first l layers
  def stack(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]],
    x: Tensor,
    first: int,
    last: int,
    final: str,
    causal: bool,
    mask: Tensor,
    positions: Tensor,
    past: Tensor,
    cached: int,
    cross: Tensor,
    cross_mask: Tensor,
    dropout: float,
    want_fresh: bool,
    nudges: Optional[Tensor]=None,
    nudge_of: Optional[Tensor]=None,
    nudged_at: Optional[Tensor]=None) -> Tuple[List[Tensor], Tensor]:
    s = torch.size(x, 1)
    k = torch.add(s, __torch__.length(past, cached, ))
    # each kind of layer has its own mask and angles
    biases = annotate(List[Optional[Tensor]], [])
    sights = annotate(List[Optional[Tensor]], [])
    cosines = annotate(List[Tensor], [])
    sines = annotate(List[Tensor], [])
    cos = mask
    sin = mask
    for kind in range(torch.len(self.windows)):
      bias, sighted, = (self).mask_bias(mask, positions, s, k, causal, self.windows[kind], x, )
      if torch.__contains__(w[first], "distance.weight"):
        far = torch.to((self).distance_bias(w[first]["distance.weight"], positions, s, k, causal, ), ops.prim.dtype(x))
        if torch.__isnot__(bias, None):
          bias = torch.add(far, unchecked_cast(Tensor, bias))
        else:
          bias = far
      torch.append(biases, bias)
      torch.append(sights, sighted)
      if torch.__and__(self.rotary, torch.lt(kind, torch.len(self.constants))):
        own = torch.slice(positions, 1, torch.sub(torch.size(positions, 1), s))
        cos, sin, = (self).angles(kind, own, x, )
      torch.append(cosines, cos)
      torch.append(sines, sin)
    crosses = __torch__.given(cross, )
    cross_bias = annotate(Optional[Tensor], None)
    cross_sighted = annotate(Optional[Tensor], None)
    if crosses:
      cross_bias, cross_sighted, = (self).mask_bias(cross_mask, positions, s, torch.size(cross, 4), False, 0, x, )
    states = [x]
    fresh = annotate(List[Tensor], [])
    for i in range(torch.sub(last, first)):
      l = torch.add(first, i)
      layer = w[l]
      kind = self.kinds[l]
      scale = self.attention_scales[l]
      if torch.__isnot__(nudges, None):
        x = (self).nudged(x, i, unchecked_cast(Tensor, nudges), unchecked_cast(Tensor, nudge_of), unchecked_cast(Tensor, nudged_at), )
      h = x
      if self.input_norms:
        h = (self).norm(x, layer, "norm1.weight", "norm1.bias", )
      a, new_k, new_v, = (self).attention(h, layer, biases[kind], sights[kind], cosines[kind], sines[kind], past, cached, i, False, scale, dropout, )
      if self.output_norms:
        a = (self).norm(a, layer, "output_norm1.weight", "output_norm1.bias", )
      y = torch.add(x, torch.dropout(a, dropout, torch.gt(dropout, 0.)))
      if self.sum_norms:
        y = (self).norm(y, layer, "norm1.weight", "norm1.bias", )
      if crosses:
        a = (self).norm(y, layer, "cross_norm.weight", "cross_norm.bias", )
        a, text_k, text_v, = (self).attention(a, layer, cross_bias, cross_sighted, cos, sin, cross, -1, i, True, scale, dropout, )
        y = torch.add(y, torch.dropout(a, dropout, torch.gt(dropout, 0.)))
      if self.parallel:
        # the MLP reads what the attention read: the layer's input, through a norm of its own or the same
        if torch.__contains__(layer, "norm2.weight"):
          h = (self).norm(x, layer, "norm2.weight", "norm2.bias", )
      elif self.input_norms:
        h = (self).norm(y, layer, "norm2.weight", "norm2.bias", )
      else:
        h = y
      m = (self).feed_forward(h, layer, )
      if self.output_norms:
        m = (self).norm(m, layer, "output_norm2.weight", "output_norm2.bias", )
      x = torch.add(y, torch.dropout(m, dropout, torch.gt(dropout, 0.)))
      if self.sum_norms:
        x = (self).norm(x, layer, "norm2.weight", "norm2.bias", )
      torch.append(states, x)
      if want_fresh:
        torch.append(fresh, torch.stack([new_k, new_v]))
    outer = w[self.layers]
    if self.final_norm:
      states[-1] = (self).norm(x, outer, torch.add(final, ".weight"), torch.add(final, ".bias"), )
    if torch.__contains__(outer, "narrow.weight"):
      states[-1] = __torch__.linear(states[-1], outer, "narrow.weight", "narrow.bias", )
    kv = past
    if want_fresh:
      kv = torch.stack(fresh)
    return (states, kv)

  # Keys and values by which a decoder's layers see an encoded text. h [B, S, C] -> [L, 2, B, G, S, D]
  def cross_keys(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]],
    h: Tensor) -> Tensor:
    each = annotate(List[Tensor], [])
    for i in range(torch.sub(self.layers, self.encoder_layers)):
      layer = w[torch.add(self.encoder_layers, i)]
      k = (self).split(__torch__.linear(h, layer, "cross_k.weight", "cross_k.bias", ), self.kv_heads, )
      v = (self).split(__torch__.linear(h, layer, "cross_v.weight", "cross_v.bias", ), self.kv_heads, )
      torch.append(each, torch.stack([k, v]))
    return torch.stack(each)

  # The decoder of an encoder-decoder on word vectors d [B, T, E]; its tokens count from the cache's end.
  def decoder_stack(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]],
    d: Tensor,
    cross: Tensor,
    cross_mask: Tensor,
    past: Tensor,
    cached: int,
    dropout: float,
    want_fresh: bool) -> Tuple[List[Tensor], Tensor]:
    none = torch.empty([0])
    p = __torch__.length(past, cached, )
    t = torch.add(p, torch.size(d, 1))
    positions = torch.unsqueeze(torch.arange(t, dtype=4, device=ops.prim.device(d)), 0)
    x = (self).embed(w, d, none, torch.slice(positions, 1, p, t), dropout, )
    return (self).stack(w, x, self.encoder_layers, self.layers, "final_norm", True, none, positions, past, cached, cross, cross_mask, dropout, want_fresh, )

  # The whole model from word vectors e [B, S, E], for an encoder-decoder also the decoder's [B, T, E] or its
  # ids [B, T]: without them its encoder alone. mask [B, K], types [B, S], positions and past as for a stack -> as from a stack
  def trunk(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]],
    e: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor,
    past: Tensor,
    cached: int,
    dropout: float,
    want_fresh: bool) -> Tuple[List[Tensor], Tensor]:
    none = torch.empty([0])
    own = positions
    if torch.ne(torch.size(positions, 1), torch.size(e, 1)):
      own = torch.slice(positions, 1, torch.sub(torch.size(positions, 1), torch.size(e, 1)))
    x = (self).embed(w, e, types, own, dropout, )
    if torch.eq(self.encoder_layers, 0):
      return (self).stack(w, x, 0, self.layers, "final_norm", self.causal, mask, positions, past, cached, none, none, dropout, want_fresh, )
    encoded, kv, = (self).stack(w, x, 0, self.encoder_layers, "encoder_norm", False, mask, positions, none, -1, none, none, dropout, False, )
    if torch.__not__(__torch__.given(decoder, )):
      return (encoded, kv)
    d = decoder
    if torch.eq(torch.dim(d), 2):
      d = (self).look_up(w, decoder, )
    return (self).decoder_stack(w, d, (self).cross_keys(w, encoded[-1], ), mask, none, -1, dropout, want_fresh, )

  # The last state [B, S or T, C or E] of the whole model from ids.
  def last_state(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]],
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor,
    dropout: float) -> Tensor:
    states, kv, = (self).trunk(w, (self).look_up(w, ids, ), mask, types, positions, decoder, torch.empty([0]), -1, dropout, False, )
    return states[-1]

  # The head's input at the chosen positions: h [B, S, C or E], at [N] into B * S -> [N, E]
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
    if torch.ne(self.head_scale, 1.):
      x = torch.mul(x, self.head_scale)
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
    if torch.gt(self.head_cap, 0.):
      y = __torch__.capped(y, self.head_cap, )
    return y

  # the same for a few tokens only, tokens [c] -> [N, c]
  def logits_of_tokens(self: __torch__.Transformer,
    w: List[Dict[str, Tensor]],
    features: Tensor,
    tokens: Tensor) -> Tensor:
    weight = __torch__.at_least_float32(torch.index_select((self).output_weight(w, ), 0, tokens), )
    y = torch.linear(__torch__.at_least_float32(features, ), weight)
    if torch.__contains__(w[self.layers], "head.bias"):
      y = torch.add(y, __torch__.at_least_float32(torch.index_select(w[self.layers]["head.bias"], 0, tokens), ))
    if torch.gt(self.head_cap, 0.):
      y = __torch__.capped(y, self.head_cap, )
    return y

  # ---------------------------------------------------------------- entry points: forward
  # A batch is ids [B, S] or word vectors e [B, S, E], mask [B, K], types [B, S], positions [B or 1, S, or K
  # where distances count] and, for an encoder-decoder, the decoder's ids [B, T].

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
    decoder: Tensor,
    at: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    h = (self).last_state(self.w, ids, mask, types, positions, decoder, 0., )
    return (self).logits_of(self.w, (self).features_at(self.w, h, at, ), )

  # the same from word vectors instead of ids, after cached keys and values (empty: none)
  # -> [N, V], keys and values of the new tokens (for an encoder-decoder the decoder's) [L, 2, B, G, S, D]
  def extend(self: __torch__.Transformer,
    e: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor,
    past: Tensor,
    at: Tensor) -> Tuple[Tensor, Tensor]:
    torch.set_grad_enabled(False)
    states, kv, = (self).trunk(self.w, e, mask, types, positions, decoder, past, -1, 0., True, )
    return ((self).logits_of(self.w, (self).features_at(self.w, states[-1], at, ), ), kv)

  # Cached keys and values [L, 2, B or 1, G, P, D] followed by newer ones [L, 2, B, G, S, D].
  def join_caches(self: __torch__.Transformer,
    past: Tensor,
    newer: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    before = torch.expand(past, [-1, -1, torch.size(newer, 2), -1, -1, -1])
    return torch.cat([before, torch.to(newer, ops.prim.dtype(past))], 4)

  # Cached keys and values [L, 2, B or 1, G, P, D] with room for n tokens in all and for b rows, which the
  # two entries below fill. size = [b, n] on the host
  def make_room(self: __torch__.Transformer,
    past: Tensor,
    size: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[int], size.tolist())
    shape = [torch.size(past, 0), 2, options[0], torch.size(past, 3), options[1], torch.size(past, 5)]
    room = torch.empty(shape, dtype=ops.prim.dtype(past), device=ops.prim.device(past))
    written = torch.copy_(torch.slice(room, 4, 0, torch.size(past, 4)), past)
    return room

  # "extend" from ids, behind the first tokens of a room for keys and values; cached: how many, on the host.
  # The new ones' are written behind those. -> [N, V]
  def extend_into(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    room: Tensor,
    cached: Tensor,
    at: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    e = (self).look_up(self.w, ids, )
    states, kv, = (self).trunk(self.w, e, mask, types, positions, torch.empty([0]), room, int(cached), 0., False, )
    return (self).logits_of(self.w, (self).features_at(self.w, states[-1], at, ), )

  # "decode" behind the first tokens of a room, likewise. -> [N, V]
  def decode_into(self: __torch__.Transformer,
    ids: Tensor,
    cross: Tensor,
    cross_mask: Tensor,
    room: Tensor,
    cached: Tensor,
    at: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    states, kv, = (self).decoder_stack(self.w, (self).look_up(self.w, ids, ), cross, cross_mask, room, int(cached), 0., False, )
    return (self).logits_of(self.w, (self).features_at(self.w, states[-1], at, ), )

  # An encoder-decoder's text, encoded once: keys and values of the decoder's cross attention [L, 2, B, G, S, D].
  def encode(self: __torch__.Transformer,
    e: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    none = torch.empty([0])
    states, kv, = (self).trunk(self.w, e, mask, types, positions, none, none, -1, 0., False, )
    return (self).cross_keys(self.w, states[-1], )

  # The decoder's ids [B, T] behind their own past and after an encoded text with its mask.
  # -> [N, V], keys and values of the new tokens [L, 2, B, G, T, D]
  def decode(self: __torch__.Transformer,
    ids: Tensor,
    cross: Tensor,
    cross_mask: Tensor,
    past: Tensor,
    at: Tensor) -> Tuple[Tensor, Tensor]:
    torch.set_grad_enabled(False)
    states, kv, = (self).decoder_stack(self.w, (self).look_up(self.w, ids, ), cross, cross_mask, past, -1, 0., True, )
    return ((self).logits_of(self.w, (self).features_at(self.w, states[-1], at, ), ), kv)

  # Logits of a few tokens only, tokens [c] -> [N, c]: all that an accuracy needs.
  def token_logits(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor,
    at: Tensor,
    tokens: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    h = (self).last_state(self.w, ids, mask, types, positions, decoder, 0., )
    return (self).logits_of_tokens(self.w, (self).features_at(self.w, h, at, ), tokens, )

  # -> loss of each chosen position [N]
  def losses(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor,
    at: Tensor,
    targets: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    h = (self).last_state(self.w, ids, mask, types, positions, decoder, 0., )
    return __torch__.negative_log_likelihood((self).logits_of(self.w, (self).features_at(self.w, h, at, ), ), targets, )

  # -> every hidden state [B, S, C] (L + 1 of them); of an encoder-decoder the decoder's, without ids for
  # it the encoder's
  def hidden_states(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor) -> List[Tensor]:
    torch.set_grad_enabled(False)
    states, kv, = (self).trunk(self.w, (self).look_up(self.w, ids, ), mask, types, positions, decoder, torch.empty([0]), -1, 0., False, )
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
    decoder: Tensor,
    at: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    h = (self).last_state(self.w, ids, mask, types, positions, decoder, 0., )
    return __torch__.at_least_float32((self).features_at(self.w, h, at, ), )

  # vectors [n, E] times the word vectors or the output matrix in float32 -> [n, V]; in blocks, so that a
  # half-precision table is never held a second time in float32.  output: 0 the word vectors, 1 the matrix
  def times_table(self: __torch__.Transformer,
    vectors: Tensor,
    output: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    table = self.w[self.layers]["word.weight"]
    scale = self.table_scale
    if torch.eq(int(output), 1):
      table = (self).output_weight(self.w, )
      scale = 1.
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
    products = torch.cat(blocks, 1)
    if torch.ne(scale, 1.):
      products = torch.mul(products, scale)
    return products

  # ---------------------------------------------------------------- entry points: gradients

  # loss = sum over the N chosen positions of weights * losses, among the tokens [c] or, if there are none,
  # the whole vocabulary; targets are then indices into them.
  # -> losses [N], d loss / d word vectors [B, S, E] (float32 or better, whatever the model computes in)
  #    and, with a decoder, d loss / d its word vectors [B, T, E]
  def gradient(self: __torch__.Transformer,
    e: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor,
    past: Tensor,
    at: Tensor,
    targets: Tensor,
    weights: Tensor,
    tokens: Tensor) -> List[Tensor]:
    torch.set_grad_enabled(True)
    leaf = torch.requires_grad_(torch.detach(__torch__.at_least_float32(e, )), True)
    leaves = [leaf]
    d = decoder
    if __torch__.given(decoder, ):
      d = torch.requires_grad_(torch.detach(__torch__.at_least_float32((self).look_up(self.w, decoder, ), )), True)
      torch.append(leaves, d)
    states, kv, = (self).trunk(self.w, leaf, mask, types, positions, d, past, -1, 0., False, )
    features = (self).features_at(self.w, states[-1], at, )
    if __torch__.given(tokens, ):
      logits = (self).logits_of_tokens(self.w, features, tokens, )
    else:
      logits = (self).logits_of(self.w, features, )
    losses = __torch__.negative_log_likelihood(logits, targets, )
    gs = torch.grad([torch.sum(torch.mul(losses, weights))], leaves)
    torch.set_grad_enabled(False)
    out = [torch.detach(losses)]
    for i in range(torch.len(gs)):
      torch.append(out, unchecked_cast(Tensor, gs[i]))
    return out

  # ---------------------------------------------------------------- entry points: discrete search

  # What a search wants to know of its targets, differentiable: -log of their summed probability, the log of their
  # summed exponentials, and the largest logit of any other token: others 0: not wanted (0); 1: only where it is
  # larger than theirs (else -inf), which costs no copy of the logits; 2: always.
  # features [N, E], targets [N, t] padded with -1, tokens [c] as in gradient -> [3, N]
  def scores_of(self: __torch__.Transformer,
    features: Tensor,
    targets: Tensor,
    tokens: Tensor,
    others: int) -> Tensor:
    if __torch__.given(tokens, ):
      logits = (self).logits_of_tokens(self.w, features, tokens, )
    else:
      logits = (self).logits_of(self.w, features, )
    known = torch.where(torch.lt(targets, 0), torch.slice(targets, 1, 0, 1), targets)
    chosen = torch.masked_fill(torch.gather(logits, 1, known), torch.lt(targets, 0), -inf)
    own = torch.logsumexp(chosen, [1])
    other = torch.zeros_like(own)
    if torch.eq(others, 1):
      largest = torch.amax(logits, [1])
      other = torch.masked_fill(largest, torch.le(largest, torch.amax(chosen, [1])), -inf)
    elif torch.eq(others, 2):
      other = torch.amax(torch.scatter(logits, 1, known, -inf), [1])
    return torch.stack([torch.sub(torch.logsumexp(logits, [1]), own), own, other])

  # The first "kept" tokens of a cache; all may be asked for, or none.
  def kept(self: __torch__.Transformer,
    past: Tensor,
    tokens: int) -> Tensor:
    if torch.__or__(torch.__not__(__torch__.given(past, )), torch.eq(tokens, 0)):
      return torch.empty([0])
    return torch.slice(past, 4, 0, tokens)

  # Scores of the targets of sequences that go on behind the first tokens of a cache. The head works on a few
  # positions at a time, so that their logits stay in the processor's cache.
  # settings = [tokens of the cache, others, positions at a time] on the host -> [3, N]
  def target_scores(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor,
    past: Tensor,
    at: Tensor,
    targets: Tensor,
    tokens: Tensor,
    settings: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[int], settings.tolist())
    before = (self).kept(past, options[0], )
    states, kv, = (self).trunk(self.w, (self).look_up(self.w, ids, ), mask, types, positions, decoder, before, -1, 0., False, )
    features = (self).features_at(self.w, states[-1], at, )
    blocks = annotate(List[Tensor], [])
    n = torch.size(at, 0)
    start = 0
    while torch.lt(start, n):
      end = torch.add(start, options[2])
      if torch.gt(end, n):
        end = n
      some = torch.slice(features, 0, start, end)
      torch.append(blocks, (self).scores_of(some, torch.slice(targets, 0, start, end), tokens, options[1], ))
      start = end
    return torch.cat(blocks, 1)

  # Keys and values of tokens behind the first tokens of a cache, those included. settings as above.
  # -> [L, 2, B, G, kept + S, D]
  def cache(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    past: Tensor,
    settings: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[int], settings.tolist())
    before = (self).kept(past, options[0], )
    states, kv, = (self).trunk(self.w, (self).look_up(self.w, ids, ), mask, types, positions, torch.empty([0]), before, -1, 0., True, )
    if __torch__.given(before, ):
      kv = torch.cat([before, torch.to(kv, ops.prim.dtype(before))], 4)
    return kv

  # Gradient at vectors v [K, E] that stand at some places of the batch instead of its ids: which [M] says which
  # vector stands at places slots [M] of B * S.  loss = sum over positions of weights * loss of the position, which is
  #   kind 0: -log of the targets' probability
  #   kind 1: mellowmax with parameter a over the positions of a row of -logit (weights: one for the row)
  #   kind 2: hinge, max(-margin, largest other logit - the target's)
  # settings = [tokens of the cache, kind, parameter] on the host -> scores [3, N], gradient [K, E] in float32 or better
  def trigger_gradient(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor,
    past: Tensor,
    v: Tensor,
    slots: Tensor,
    which: Tensor,
    at: Tensor,
    targets: Tensor,
    weights: Tensor,
    tokens: Tensor,
    settings: Tensor) -> Tuple[Tensor, Tensor]:
    torch.set_grad_enabled(True)
    options = annotate(List[float], settings.tolist())
    before = (self).kept(past, int(options[0]), )
    leaf = torch.requires_grad_(torch.detach(v), True)
    fixed = torch.to((self).look_up(self.w, ids, ), ops.prim.dtype(leaf))                                     # [B, S, E]
    e = torch.reshape(torch.index_copy(torch.flatten(fixed, 0, 1), 0, slots, torch.index_select(leaf, 0, which)), torch.size(fixed))
    states, kv, = (self).trunk(self.w, e, mask, types, positions, decoder, before, -1, 0., False, )
    features = (self).features_at(self.w, states[-1], at, )
    others = 0
    if torch.eq(options[1], 2.):
      others = 2
    scores = (self).scores_of(features, targets, tokens, others, )
    losses = torch.select(scores, 0, 0)
    share = weights
    if torch.eq(options[1], 1.):
      # the gradient of (log sum exp(a x) - log m) / a is the softmax of a x
      losses = torch.neg(torch.select(scores, 0, 1))
      width = torch.size(ids, 1)
      if __torch__.given(decoder, ):
        width = torch.size(decoder, 1)
      row = torch.unsqueeze(torch.floor_divide(at, width), 0)                                                  # [1, N]
      rows = torch.unsqueeze(torch.arange(torch.size(ids, 0), dtype=4, device=ops.prim.device(ids)), 1)        # [B, 1]
      x = torch.expand(torch.unsqueeze(torch.mul(torch.detach(losses), options[2]), 0), [torch.size(ids, 0), -1])
      x = torch.softmax(torch.masked_fill(x, torch.ne(row, rows), -inf), 1)                                    # [B, N]
      share = torch.mul(weights, torch.squeeze(torch.gather(x, 0, row), 0))
    elif torch.eq(options[1], 2.):
      losses = torch.clamp_min(torch.sub(torch.select(scores, 0, 2), torch.select(scores, 0, 1)), torch.neg(options[2]))
    gs = torch.grad([torch.sum(torch.mul(losses, share))], [leaf])
    torch.set_grad_enabled(False)
    return (torch.detach(scores), unchecked_cast(Tensor, gs[0]))

  # The k allowed tokens whose vectors have the smallest products with each row of v [n, E], best first; of equal ones
  # in no certain order. allowed [V], settings = [k] on the host -> products [n, k], ids [n, k]
  def smallest_products(self: __torch__.Transformer,
    v: Tensor,
    allowed: Tensor,
    settings: Tensor) -> Tuple[Tensor, Tensor]:
    torch.set_grad_enabled(False)
    products = (self).times_table(v, torch.zeros([], dtype=4), )
    products = torch.masked_fill(products, torch.bitwise_not(allowed), inf)
    values, ids, = torch.topk(products, int(settings), 1, False, True)
    return (values, ids)

  # The allowed token nearest to each row of v [n, E]: kind 0 by cosine, 1 by Euclidean distance. -> ids [n]
  def nearest(self: __torch__.Transformer,
    v: Tensor,
    allowed: Tensor,
    kind: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    products = (self).times_table(v, torch.zeros([], dtype=4), )                                              # [n, V]
    table = self.w[self.layers]["word.weight"]
    squares = annotate(List[Tensor], [])
    rows = torch.size(table, 0)
    start = 0
    while torch.lt(start, rows):
      end = torch.add(start, 16384)
      if torch.gt(end, rows):
        end = rows
      block = torch.mul(__torch__.at_least_float32(torch.slice(table, 0, start, end), ), self.table_scale)
      torch.append(squares, torch.sum(torch.mul(block, block), [1]))
      start = end
    square = torch.cat(squares)
    if torch.eq(int(kind), 0):
      closeness = torch.mul(products, torch.rsqrt(torch.clamp_min(square, 1e-20)))
    else:
      closeness = torch.sub(torch.mul(products, 2.), square)
    closeness = torch.masked_fill(closeness, torch.bitwise_not(allowed), -inf)
    return torch.argmax(closeness, 1)

  # Mixtures of all word vectors. weights [K, V] -> [K, E]
  def mixtures(self: __torch__.Transformer,
    weights: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    table = self.w[self.layers]["word.weight"]
    sum = annotate(List[Tensor], [])
    rows = torch.size(table, 0)
    start = 0
    while torch.lt(start, rows):
      end = torch.add(start, 16384)
      if torch.gt(end, rows):
        end = rows
      block = __torch__.at_least_float32(torch.slice(table, 0, start, end), )
      torch.append(sum, torch.matmul(torch.to(torch.slice(weights, 1, start, end), ops.prim.dtype(block)), block))
      start = end
    total = torch.sum(torch.stack(sum), [0])
    return torch.mul(total, self.table_scale)

  # ---------------------------------------------------------------- entry points: soft prompts

  # The head's input at the chosen positions, with prompts that are rows of a matrix v in float32 or better.
  # n = 0: v [R, E] are word vectors, and which [M] says which of them stands at places slots [M] of B * S.
  # n > 0: v [R * n, K * G * D] are keys and values of R prompts of n tokens; which [B or 1] is the prompt of each row,
  # and slots [2 * L] says which of the K pieces of a token are a layer's key and its value. The angles of rotary
  # positions are in them already. They stand in front of the rows. Of an encoder-decoder L are its decoder's layers,
  # and they stand in front of what it has said; or the encoder's, the decoder's and the decoder's once more, for
  # its attention to the text. mask and positions have room for n tokens where something stands before the encoder's.
  # dropout: share of the keys and values that are 0 for a row, chosen by the seed.
  def soft_features(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor,
    v: Tensor,
    slots: Tensor,
    which: Tensor,
    at: Tensor,
    n: int,
    dropout: float,
    seed: int) -> Tensor:
    none = torch.empty([0])
    e = (self).look_up(self.w, ids, )                                                                        # [B, S, E]
    if torch.eq(n, 0):
      fixed = torch.flatten(torch.to(e, ops.prim.dtype(v)), 0, 1)
      e = torch.reshape(torch.index_copy(fixed, 0, slots, torch.index_select(v, 0, which)), torch.size(e))
      states, kv, = (self).trunk(self.w, e, mask, types, positions, decoder, none, -1, 0., False, )
      return (self).features_at(self.w, states[-1], at, )
    x = torch.reshape(v, [-1, n, torch.floordiv(torch.size(v, 1), torch.mul(self.kv_heads, self.head_dim)), self.kv_heads, self.head_dim])
    x = __torch__.dropped(torch.index_select(x, 0, which), dropout, seed, )                                  # [B or 1, n, K, G, D]
    x = torch.index_select(torch.permute(x, [2, 0, 3, 1, 4]), 0, slots)                                      # [2 * L, B or 1, G, n, D]
    past = torch.reshape(x, [torch.floordiv(torch.size(x, 0), 2), 2, torch.size(x, 1), self.kv_heads, n, self.head_dim])
    if torch.eq(self.encoder_layers, 0):
      states, kv, = (self).trunk(self.w, e, mask, types, positions, decoder, past, -1, 0., False, )
      return (self).features_at(self.w, states[-1], at, )
    own = torch.sub(self.layers, self.encoder_layers)
    front = none
    beside = none
    if torch.gt(torch.size(past, 0), own):
      front = torch.slice(past, 0, 0, self.encoder_layers)
      beside = torch.slice(past, 0, torch.add(self.encoder_layers, own))
      past = torch.slice(past, 0, self.encoder_layers, torch.add(self.encoder_layers, own))
    y = (self).embed(self.w, e, types, torch.slice(positions, 1, torch.sub(torch.size(positions, 1), torch.size(e, 1))), 0., )
    encoded, kv, = (self).stack(self.w, y, 0, self.encoder_layers, "encoder_norm", False, mask, positions, front, -1, none, none, 0., False, )
    text = (self).cross_keys(self.w, encoded[-1], )                                                          # [L, 2, B, G, S, D]
    if __torch__.given(beside, ):
      before = torch.expand(torch.to(beside, ops.prim.dtype(text)), [-1, -1, torch.size(text, 2), -1, -1, -1])
      text = torch.cat([before, text], 4)                                                                    # [L, 2, B, G, n + S, D]
    states, kv, = (self).decoder_stack(self.w, (self).look_up(self.w, decoder, ), text, mask, past, -1, 0., False, )
    return (self).features_at(self.w, states[-1], at, )

  # features [N, E], tokens as in gradient -> [N, V or c]
  def soft_logits_of(self: __torch__.Transformer,
    features: Tensor,
    tokens: Tensor) -> Tensor:
    if __torch__.given(tokens, ):
      return (self).logits_of_tokens(self.w, features, tokens, )
    return (self).logits_of(self.w, features, )

  # (1 - smoothing) * -log of the targets' summed probability + smoothing * mean of -log of all tokens' probabilities
  # + z * (log of the summed exponentials)^2 -> [N]
  def soft_losses_of(self: __torch__.Transformer,
    logits: Tensor,
    targets: Tensor,
    smoothing: float,
    z: float) -> Tensor:
    losses = __torch__.negative_log_likelihood(logits, targets, )
    if torch.gt(smoothing, 0.):
      even = torch.sub(torch.logsumexp(logits, [1]), torch.mean(logits, [1]))
      losses = torch.add(torch.mul(losses, torch.sub(1., smoothing)), torch.mul(even, smoothing))
    if torch.gt(z, 0.):
      losses = torch.add(losses, torch.mul(torch.pow(torch.logsumexp(logits, [1]), 2), z))
    return losses

  # loss = sum over positions of weights * losses. settings = [n, smoothing, z, dropout, its seed] on the host
  # -> losses [N], gradient at v, of its shape and type
  def soft_gradient(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor,
    v: Tensor,
    slots: Tensor,
    which: Tensor,
    at: Tensor,
    targets: Tensor,
    weights: Tensor,
    tokens: Tensor,
    settings: Tensor) -> Tuple[Tensor, Tensor]:
    torch.set_grad_enabled(True)
    options = annotate(List[float], settings.tolist())
    leaf = torch.requires_grad_(torch.detach(v), True)
    features = (self).soft_features(ids, mask, types, positions, decoder, leaf, slots, which, at, int(options[0]), options[3], int(options[4]), )
    losses = (self).soft_losses_of((self).soft_logits_of(features, tokens, ), targets, options[1], options[2], )
    gs = torch.grad([torch.sum(torch.mul(losses, weights))], [leaf])
    torch.set_grad_enabled(False)
    return (torch.detach(losses), unchecked_cast(Tensor, gs[0]))

  # The losses alone.
  def soft_losses(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor,
    v: Tensor,
    slots: Tensor,
    which: Tensor,
    at: Tensor,
    targets: Tensor,
    tokens: Tensor,
    settings: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[float], settings.tolist())
    features = (self).soft_features(ids, mask, types, positions, decoder, v, slots, which, at, int(options[0]), 0., 0, )
    return (self).soft_losses_of((self).soft_logits_of(features, tokens, ), targets, options[1], options[2], )

  # -> logits of the tokens, or of the whole vocabulary [N, c or V]
  def soft_logits(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    decoder: Tensor,
    v: Tensor,
    slots: Tensor,
    which: Tensor,
    at: Tensor,
    tokens: Tensor,
    settings: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[float], settings.tolist())
    features = (self).soft_features(ids, mask, types, positions, decoder, v, slots, which, at, int(options[0]), 0., 0, )
    return (self).soft_logits_of(features, tokens, )

  # Keys and values of tokens that nothing stands before, as a prompt. ids [1, n] -> [n, K * G * D], at least float32
  def soft_prefix(self: __torch__.Transformer,
    ids: Tensor,
    types: Tensor,
    positions: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    none = torch.empty([0])
    states, kv, = (self).trunk(self.w, (self).look_up(self.w, ids, ), none, types, positions, none, none, -1, 0., True, )
    x = torch.permute(torch.select(kv, 2, 0), [3, 0, 1, 2, 4])                                               # [n, L, 2, G, D]
    return __torch__.at_least_float32(torch.reshape(x, [torch.size(x, 0), -1]), )

  # ---------------------------------------------------------------- entry points: black-box search

  # The input x [B, S, C] of layer i with blocks of vectors added, as a stack says.
  def nudged(self: __torch__.Transformer,
    x: Tensor,
    i: int,
    nudges: Tensor,
    nudge_of: Tensor,
    nudged_at: Tensor) -> Tensor:
    if torch.ge(i, torch.size(nudge_of, 0)):
      return x
    rows = torch.flatten(torch.index_select(nudges, 0, torch.select(nudge_of, 0, i)), 0, 1)                  # [B * P, C]
    y = torch.index_add(torch.flatten(x, 0, 1), 0, nudged_at, torch.to(rows, ops.prim.dtype(x)))
    return torch.reshape(y, torch.size(x))

  # Logits of a few tokens where blocks of vectors stand instead of word vectors (instead 1; blocks [M, P, E],
  # which [1, B]) or are added to the inputs of the first l layers (instead 0; blocks [M, P, C], which [l, B]).
  # places [B * P] of B * S, instead on the host -> [N, c]
  def black_box(self: __torch__.Transformer,
    ids: Tensor,
    mask: Tensor,
    types: Tensor,
    positions: Tensor,
    blocks: Tensor,
    which: Tensor,
    places: Tensor,
    at: Tensor,
    tokens: Tensor,
    instead: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    none = torch.empty([0])
    e = (self).look_up(self.w, ids, )
    added = which
    if torch.eq(int(instead), 1):
      rows = torch.flatten(torch.index_select(blocks, 0, torch.select(which, 0, 0)), 0, 1)                   # [B * P, E]
      y = torch.index_copy(torch.flatten(e, 0, 1), 0, places, torch.to(rows, ops.prim.dtype(e)))
      e = torch.reshape(y, torch.size(e))
      added = torch.slice(which, 0, 0, 0)
    x = (self).embed(self.w, e, types, positions, 0., )
    states, kv, = (self).stack(self.w, x, 0, self.layers, "final_norm", self.causal, mask, positions, none, -1, none, none, 0., False, blocks, added, places, )
    return (self).logits_of_tokens(self.w, (self).features_at(self.w, states[-1], at, ), tokens, )

  # The matrix that features are multiplied with [V, E], in float32 or better: the program's own memory, if it has that type.
  def output_matrix(self: __torch__.Transformer,
    unused: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    return torch.detach(__torch__.at_least_float32((self).output_weight(self.w, ), ))

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
    decoder: Tensor,
    at: Tensor,
    targets: Tensor,
    weights: Tensor,
    settings: Tensor) -> Tensor:
    torch.set_grad_enabled(True)
    options = annotate(List[float], settings.tolist())
    w = (self).layout(self.compute, )
    h = (self).last_state(w, ids, mask, types, positions, decoder, options[0], )
    losses = __torch__.negative_log_likelihood((self).logits_of(w, (self).features_at(w, h, at, ), ), targets, )
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
