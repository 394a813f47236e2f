# The parameters of soft prompts, how a prompt is made of them, and their optimizers.
#
# Letters:  R prompts, n tokens of each, W width of a token (a word vector, or keys and values of all layers),
#           d width of an encoder's input, e of its hidden layer.
#
# The program of the model gives the gradient at the prompt [R * n, W]; "backward" carries it on to the parameters.
# Parameters are float32, or float64 for a model in float64.

# x [n, i] -> [n, o]; leaves at: weight [o, i], bias [o]
def dense(x: Tensor,
    leaves: List[Tensor],
    at: int) -> Tensor:
  return torch.linear(x, leaves[at], leaves[torch.add(at, 1)])

class SoftPrompt(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  form : int
  layers : int
  leaves : List[Tensor]
  gradients : List[Tensor]
  first : List[Tensor]
  second : List[Tensor]
  keep : List[Tensor]

  # Adds a parameter. factored: 1 if Adafactor keeps means of rows and columns instead of every square.
  # first and second are AdamW's moments. Adafactor has its squares in second; factored, the means over the larger
  # axis in first and those over the smaller one in second.
  def put(self: __torch__.SoftPrompt,
    x: Tensor,
    factored: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    y = torch.requires_grad_(torch.clone(x), True)
    torch.append(self.leaves, y)
    torch.append(self.gradients, torch.zeros_like(y))
    if torch.eq(int(factored), 1):
      larger = 0
      if torch.ge(torch.size(y, 1), torch.size(y, 0)):
        larger = 1
      torch.append(self.first, torch.zeros_like(torch.mean(y, [larger])))
      torch.append(self.second, torch.zeros_like(torch.mean(y, [torch.sub(1, larger)])))
    else:
      torch.append(self.first, torch.zeros_like(y))
      torch.append(self.second, torch.zeros_like(y))
    return torch.tensor(torch.len(self.leaves))

  # From now on the prompt is multiplied by mask [R * n, W].
  def mask(self: __torch__.SoftPrompt,
    mask: Tensor) -> Tensor:
    torch.append(self.keep, torch.clone(mask))
    return torch.tensor(torch.len(self.keep))

  # The prompt [R * n, W].  form
  #   0 tables, one of [n, W] for each prompt
  #   1 low rank: U [n, e], V [e, W]
  #   2 table [n, d], dense to e, tanh, dense to W (Li and Liang 2021); or several such, side by side
  #   3 table [n, d], dense to e, relu, dense to e, relu, dense to W (PEFT's MLP)
  #   4 table [n, d], bidirectional LSTM of so many layers and hidden width e, dense to 2e, relu, dense to W (Liu 2021)
  def made(self: __torch__.SoftPrompt) -> Tensor:
    x = self.leaves[0]
    if torch.eq(self.form, 0):
      if torch.gt(torch.len(self.leaves), 1):
        x = torch.cat(self.leaves)
    elif torch.eq(self.form, 1):
      x = torch.matmul(x, self.leaves[1])
    elif torch.eq(self.form, 2):
      parts = annotate(List[Tensor], [])
      for i in range(torch.floordiv(torch.len(self.leaves), 5)):
        first = torch.mul(i, 5)
        y = torch.tanh(__torch__.dense(self.leaves[first], self.leaves, torch.add(first, 1), ))
        torch.append(parts, __torch__.dense(y, self.leaves, torch.add(first, 3), ))
      x = torch.cat(parts, 1)
    elif torch.eq(self.form, 3):
      x = torch.relu(__torch__.dense(x, self.leaves, 1, ))
      x = torch.relu(__torch__.dense(x, self.leaves, 3, ))
      x = __torch__.dense(x, self.leaves, 5, )
    else:
      # of each layer and direction: weights of inputs and of the state, their biases
      count = torch.mul(self.layers, 8)
      weights = torch.slice(self.leaves, 1, torch.add(count, 1))
      none = torch.zeros([torch.mul(self.layers, 2), 1, torch.size(weights[1], 1)], dtype=ops.prim.dtype(x), device=ops.prim.device(x))
      y, h, c, = torch.lstm(torch.unsqueeze(x, 0), [none, none], weights, True, self.layers, 0., True, True, True)
      x = torch.relu(__torch__.dense(torch.squeeze(y, 0), self.leaves, torch.add(count, 1), ))
      x = __torch__.dense(x, self.leaves, torch.add(count, 3), )
    if torch.gt(torch.len(self.keep), 0):
      x = torch.mul(x, self.keep[-1])
    return x

  def value(self: __torch__.SoftPrompt,
    unused: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    return torch.clone(torch.detach((self).made()))

  # Adds to the parameters' gradients what a gradient at the prompt [R * n, W] means for them.
  def backward(self: __torch__.SoftPrompt,
    gradient: Tensor) -> Tensor:
    torch.set_grad_enabled(True)
    outputs = annotate(List[Optional[Tensor]], [gradient])
    gs = torch.grad([(self).made()], self.leaves, outputs)
    torch.set_grad_enabled(False)
    for i in range(torch.len(gs)):
      sum = torch.add_(self.gradients[i], unchecked_cast(Tensor, gs[i]))
    return torch.tensor(torch.len(gs))

  # Norm of each prompt's gradient [R], which is cut to the largest (0: none) first. Prompts are cut one by one,
  # since they know nothing of each other.
  def clipped(self: __torch__.SoftPrompt,
    largest: float) -> Tensor:
    norms = torch.stack(torch._foreach_norm(self.gradients, 2))
    if torch.ne(self.form, 0):
      norms = torch.reshape(torch.linalg_vector_norm(norms), [1])
    if torch.gt(largest, 0.):
      factors = torch.clamp_max(torch.div(largest, torch.add(norms, 1e-6)), 1.)
      for i in range(torch.len(self.gradients)):
        own = 0
        if torch.eq(self.form, 0):
          own = i
        g = torch.mul_(self.gradients[i], torch.select(factors, 0, own))
    return norms

  # AdamW (Loshchilov and Hutter 2019, Algorithm 2); all parameters decay. Clears the gradients.
  # settings = [lr, beta1, beta2, eps, weight decay, largest norm, 1 - beta1^t, 1 - beta2^t] on the host
  # -> norms before clipping
  def adamw(self: __torch__.SoftPrompt,
    settings: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[float], settings.tolist())
    norms = (self).clipped(options[5], )
    for i in range(torch.len(self.leaves)):
      p = self.leaves[i]
      g = self.gradients[i]
      m = torch.add_(torch.mul_(self.first[i], options[1]), g, alpha=torch.sub(1., options[1]))
      v = torch.addcmul_(torch.mul_(self.second[i], options[2]), g, g, value=torch.sub(1., options[2]))
      p = torch.mul_(p, torch.sub(1., torch.mul(options[0], options[4])))
      root = torch.add(torch.sqrt(torch.div(v, options[7])), options[3])
      p = torch.addcdiv_(p, m, root, value=torch.neg(torch.div(options[0], options[6])))
    torch._foreach_zero_(self.gradients)
    return norms

  # Adafactor (Shazeer and Stern 2018) without momentum and without scaling by the parameters. Clears the gradients.
  # settings = [lr, rho, eps, threshold, weight decay, largest norm] on the host; the decay is not multiplied by lr
  # -> norms before clipping
  def adafactor(self: __torch__.SoftPrompt,
    settings: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[float], settings.tolist())
    rho = options[1]
    norms = (self).clipped(options[5], )
    for i in range(torch.len(self.leaves)):
      p = self.leaves[i]
      g = self.gradients[i]
      square = torch.add(torch.mul(g, g), options[2])
      if torch.lt(torch.dim(self.first[i]), torch.dim(p)):
        larger = 0
        if torch.ge(torch.size(p, 1), torch.size(p, 0)):
          larger = 1
        smaller = torch.sub(1, larger)
        row = torch.add_(torch.mul_(self.first[i], rho), torch.mean(square, [larger]), alpha=torch.sub(1., rho))
        column = torch.add_(torch.mul_(self.second[i], rho), torch.mean(square, [smaller]), alpha=torch.sub(1., rho))
        y = torch.mul(g, torch.unsqueeze(torch.rsqrt(torch.div(row, torch.mean(row))), larger))
        y = torch.mul(y, torch.unsqueeze(torch.rsqrt(column), smaller))
      else:
        v = torch.add_(torch.mul_(self.second[i], rho), square, alpha=torch.sub(1., rho))
        y = torch.mul(g, torch.rsqrt(v))
      rms = torch.sqrt(torch.mean(torch.mul(y, y)))
      y = torch.div(y, torch.clamp_min(torch.div(rms, options[3]), 1.))
      p = torch.add_(torch.mul_(p, torch.sub(1., options[4])), y, alpha=torch.neg(options[0]))
    torch._foreach_zero_(self.gradients)
    return norms

  # which = [kind, index]; kind 0 parameters, 1 gradients, 2 first, 3 second
  def chosen(self: __torch__.SoftPrompt,
    which: Tensor) -> Tensor:
    options = annotate(List[int], which.tolist())
    x = self.leaves
    if torch.eq(options[0], 1):
      x = self.gradients
    elif torch.eq(options[0], 2):
      x = self.first
    elif torch.eq(options[0], 3):
      x = self.second
    return x[options[1]]

  def state(self: __torch__.SoftPrompt,
    which: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    return torch.clone(torch.detach((self).chosen(which, )), memory_format=0)

  def set_state(self: __torch__.SoftPrompt,
    which: Tensor,
    value: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    y = torch.copy_((self).chosen(which, ), value)
    return torch.tensor(0)
