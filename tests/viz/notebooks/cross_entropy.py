# %% tools
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

# %% what the notebook defines, replaced
from viz import PlotStuff, plot_error_surfaces

# %%
torch.manual_seed(0)


# %% the data
class Data(Dataset):
    def __init__(self):
        self.x = torch.arange(-1, 1, 0.1).view(-1, 1)
        self.y = torch.zeros(self.x.shape[0], 1)
        self.y[self.x[:, 0] > 0.2] = 1
        self.len = self.x.shape[0]

    def __getitem__(self, index):
        return self.x[index], self.y[index]

    def __len__(self):
        return self.len


data_set = Data()

# %%
plt.plot(data_set.x[data_set.y == 0], data_set.y[data_set.y == 0], "ro", label="training points")
plt.plot(data_set.x[data_set.y == 1], data_set.y[data_set.y == 1] - 1, "o", label="training points")
plt.xlabel("x")
plt.legend()


# %% the model
class logistic_regression(nn.Module):
    def __init__(self, n_inputs):
        super().__init__()
        self.linear = nn.Linear(n_inputs, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


model = logistic_regression(1)
model.state_dict()["linear.weight"].data[0] = torch.tensor([[5.0]])
model.state_dict()["linear.bias"].data[0] = torch.tensor([[10.0]])


# %% the cost
def criterion(yhat, y):
    return -1 * torch.mean(y * torch.log(yhat) + (1 - y) * torch.log(1 - yhat))


# %%
trainloader = DataLoader(dataset=data_set, batch_size=3)
learning_rate = 2
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)

# %% the surface; corrected, as data_set[:, 0] and data_set[:, 1] don't run
get_surface = plot_error_surfaces(15, 13, data_set[:][0], data_set[:][1], 30)


# %% training
def train_model(epochs):
    for epoch in range(epochs):
        for x, y in trainloader:
            yhat = model(x)
            loss = criterion(yhat, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            get_surface.set_para_loss(model, loss.tolist())
        if epoch % 20 == 0:
            get_surface.plot_ps()


train_model(100)

# %% the path and the losses
get_surface.final_plot()
plt.plot(get_surface.LOSS)
plt.tight_layout()
plt.xlabel("Epoch/Iterations")
plt.ylabel("Cost")

# %% the trained model
PlotStuff(data_set.x, data_set.y, model, 100)

# %% its accuracy; corrected, as the mean of a ByteTensor doesn't run
label = model(data_set.x) > 0.5
accuracy = torch.mean((label == data_set[:][1]).type(torch.FloatTensor))
print("The accuracy:", accuracy)
