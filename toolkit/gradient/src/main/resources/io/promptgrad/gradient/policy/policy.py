# The trainable part of a policy over tokens, between a frozen language model's last state and its frozen output
# matrix, with its copy that follows slowly, its loss and its optimizer.
#
# Letters:  N states, B prompts, T tokens of a prompt, E width of states, V vocabulary.
# A network is [first weight [H, E], its bias [H], second weight [E, H], its bias [E]].

# Q = W (second (relu (first x)))  states [.., E], head [V, E] -> [.., V]
def q_values(p: List[Tensor],
    states: Tensor,
    head: Tensor) -> Tensor:
  hidden = torch.relu(torch.linear(states, p[0], p[1]))
  return torch.linear(torch.linear(hidden, p[2], p[3]), head)

# Soft Q-learning's loss of whole prompts, two path consistencies of one step and of all steps to the end, each with
# the values V' of the slow copy:
#   A_t = Q_t(a_t) - V_t,  V = log sum exp Q
#   sum over t of 1/2 [(A_t - (V'_(t+1) - V'_t))^2 + (A_t + .. + A_T - (r - V'_t))^2],  V'_(T+1) = r
# q, slow [B, T, V], actions [B, T], rewards [B] -> mean over prompts
def path_loss(q: Tensor,
    slow: Tensor,
    actions: Tensor,
    rewards: Tensor) -> Tensor:
  values = torch.logsumexp(q, [2])                                              # [B, T]
  chosen = torch.squeeze(torch.gather(q, 2, torch.unsqueeze(actions, 2)), 2)
  advantages = torch.sub(chosen, values)
  before = torch.detach(torch.logsumexp(slow, [2]))
  r = torch.unsqueeze(rewards, 1)                                               # [B, 1]
  after = torch.cat([torch.slice(before, 1, 1, torch.size(before, 1)), r], 1)
  one = torch.sub(advantages, torch.sub(after, before))
  rest = torch.flip(torch.cumsum(torch.flip(advantages, [1]), 1), [1])
  all = torch.sub(rest, torch.sub(r, before))
  each = torch.mul(torch.add(torch.mul(one, one), torch.mul(all, all)), 0.5)
  return torch.mean(torch.sum(each, [1]))

class Policy(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  online : List[Tensor]
  slow : List[Tensor]
  first : List[Tensor]
  second : List[Tensor]
  count : List[Tensor]

  # Adds a part of the network, in the order given above.
  def put(self: __torch__.Policy,
    x: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    torch.append(self.online, torch.clone(x))
    torch.append(self.slow, torch.clone(x))
    torch.append(self.first, torch.zeros_like(x))
    torch.append(self.second, torch.zeros_like(x))
    torch.append(self.count, torch.zeros([], dtype=7, device=ops.prim.device(x)))
    return torch.tensor(torch.len(self.online))

  # The k largest Q of each state among allowed [V] tokens. k on the host -> values [N, k], ids [N, k]
  def largest(self: __torch__.Policy,
    states: Tensor,
    head: Tensor,
    allowed: Tensor,
    k: Tensor) -> Tuple[Tensor, Tensor]:
    torch.set_grad_enabled(False)
    q = __torch__.q_values(self.online, states, head, )
    q = torch.masked_fill(q, torch.bitwise_not(allowed), -inf)
    values, ids, = torch.topk(q, int(k), 1, True, True)
    return (values, ids)

  # The loss of given Q and its gradient there.
  def loss_at(self: __torch__.Policy,
    q: Tensor,
    slow: Tensor,
    actions: Tensor,
    rewards: Tensor) -> Tuple[Tensor, Tensor]:
    torch.set_grad_enabled(True)
    leaf = torch.requires_grad_(torch.detach(q), True)
    loss = __torch__.path_loss(leaf, slow, actions, rewards, )
    gs = torch.grad([loss], [leaf])
    torch.set_grad_enabled(False)
    return (torch.detach(loss), unchecked_cast(Tensor, gs[0]))

  # -> loss, and its gradient at each part of the network
  def gradient(self: __torch__.Policy,
    states: Tensor,
    head: Tensor,
    actions: Tensor,
    rewards: Tensor) -> List[Tensor]:
    torch.set_grad_enabled(True)
    leaves = annotate(List[Tensor], [])
    for i in range(torch.len(self.online)):
      torch.append(leaves, torch.requires_grad_(torch.detach(self.online[i]), True))
    slow = torch.detach(__torch__.q_values(self.slow, states, head, ))
    loss = __torch__.path_loss(__torch__.q_values(leaves, states, head, ), slow, actions, rewards, )
    gs = torch.grad([loss], leaves)
    torch.set_grad_enabled(False)
    out = [torch.detach(loss)]
    for i in range(torch.len(gs)):
      torch.append(out, unchecked_cast(Tensor, gs[i]))
    return out

  # One step: the slow copy follows by a share, then Adam goes down the gradient, clipped to a norm.
  # settings = [learning rate, largest norm, share] on the host -> loss, gradient norm
  def update(self: __torch__.Policy,
    states: Tensor,
    head: Tensor,
    actions: Tensor,
    rewards: Tensor,
    settings: Tensor) -> Tuple[Tensor, Tensor]:
    torch.set_grad_enabled(False)
    options = annotate(List[float], settings.tolist())
    for i in range(torch.len(self.slow)):
      s = torch.mul_(self.slow[i], torch.sub(1., options[2]))
      s = torch.add_(s, self.online[i], alpha=options[2])
    gs = (self).gradient(states, head, actions, rewards, )
    norms = annotate(List[Tensor], [])
    for i in range(torch.len(self.online)):
      torch.append(norms, torch.sum(torch.mul(gs[torch.add(i, 1)], gs[torch.add(i, 1)])))
    norm = torch.sqrt(torch.sum(torch.stack(norms)))
    scale = torch.clamp_max(torch.div(options[1], torch.add(norm, 1e-6)), 1.)
    for i in range(torch.len(self.online)):
      g = torch.mul(gs[torch.add(i, 1)], scale)
      t = torch.add_(self.count[i], 1)
      m = torch.add_(torch.mul_(self.first[i], 0.9), g, alpha=0.1)
      v = torch.addcmul_(torch.mul_(self.second[i], 0.999), g, g, value=0.001)
      m_hat = torch.div(m, torch.to(torch.rsub(torch.pow(0.9, t), 1), ops.prim.dtype(m)))
      v_hat = torch.div(v, torch.to(torch.rsub(torch.pow(0.999, t), 1), ops.prim.dtype(v)))
      p = torch.addcdiv_(self.online[i], m_hat, torch.add(torch.sqrt(v_hat), 1e-8), value=torch.neg(options[0]))
    return (gs[0], norm)

  # kind 0 network, 1 slow copy, 2 first moments, 3 second moments, 4 update counts; which = [kind, part] on the host
  def part(self: __torch__.Policy,
    options: List[int]) -> Tensor:
    x = self.online
    if torch.eq(options[0], 1):
      x = self.slow
    elif torch.eq(options[0], 2):
      x = self.first
    elif torch.eq(options[0], 3):
      x = self.second
    elif torch.eq(options[0], 4):
      x = self.count
    return x[options[1]]

  def state(self: __torch__.Policy,
    which: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[int], which.tolist())
    return torch.clone((self).part(options, ))

  def set_state(self: __torch__.Policy,
    which: Tensor,
    value: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[int], which.tolist())
    y = torch.copy_((self).part(options, ), value)
    return torch.tensor(options[1])
