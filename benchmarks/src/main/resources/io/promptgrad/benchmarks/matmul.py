# One matrix product, repeated, in the type that is asked for.
class Matmul(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  # x [n, n], how = [type, repetitions] on the host -> one element of the product
  def multiply(self: __torch__.Matmul,
    x: Tensor,
    how: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    options = annotate(List[int], how.tolist())
    a = torch.to(x, options[0])
    y = a
    for i in range(options[1]):
      y = a @ a
    return torch.to(torch.select(torch.select(y, 0, 0), 0, 0), 6)
