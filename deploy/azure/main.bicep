// The resources of docs/azure.md: a registry, a cluster, a store for models, and three identities.
//   az deployment group create --resource-group GROUP --template-file deploy/azure/main.bicep --parameters name=NAME repository=OWNER/REPOSITORY
targetScope = 'resourceGroup'

@description('Start of every name; 3 to 11 small letters and digits, since registry and storage names are global.')
@minLength(3)
@maxLength(11)
param name string

@description('OWNER/NAME on GitHub whose workflows may push images and deploy; empty for none.')
param repository string = ''

@description('OWNER/NAME on GitHub whose workflows may publish models; empty for none.')
param modelRepository string = repository

@description('Namespace and service account of the release.')
param namespace string = 'digits'
param serviceAccount string = 'digits'

param location string = resourceGroup().location
param nodeSize string = 'Standard_D2as_v5'
param nodeCount int = 2

@description('Zones of the nodes; empty where the region has none.')
param zones array = [ '1', '2', '3' ]

var suffix = substring(uniqueString(resourceGroup().id), 0, 6)
var audience = [ 'api://AzureADTokenExchange' ]
var github = 'https://token.actions.githubusercontent.com'
var roles = {
  acrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d'
  acrPush: '8311e382-0749-4cb8-b61a-304f252e45ec'
  blobReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  blobContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  clusterUser: '4abbcc35-e782-43d8-92c5-2d3f1bd2253f'
}

resource registry 'Microsoft.ContainerRegistry/registries@2023-07-01' = {
  name: '${name}${suffix}'
  location: location
  sku: { name: 'Basic' }
  properties: { adminUserEnabled: false }
}

resource store 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: '${name}${suffix}'
  location: location
  kind: 'StorageV2'
  sku: { name: empty(zones) ? 'Standard_LRS' : 'Standard_ZRS' }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }

  resource blobs 'blobServices' = {
    name: 'default'

    resource models 'containers' = {
      name: 'models'
      properties: { publicAccess: 'None' }
    }
  }
}

resource cluster 'Microsoft.ContainerService/managedClusters@2024-09-01' = {
  name: name
  location: location
  identity: { type: 'SystemAssigned' }
  sku: { name: 'Base', tier: 'Free' }
  properties: {
    dnsPrefix: name
    disableLocalAccounts: true
    aadProfile: { managed: true, enableAzureRBAC: true }
    oidcIssuerProfile: { enabled: true }
    securityProfile: { workloadIdentity: { enabled: true } }
    networkProfile: { networkPlugin: 'azure', networkPluginMode: 'overlay' }
    agentPoolProfiles: [
      {
        name: 'system'
        mode: 'System'
        count: nodeCount
        vmSize: nodeSize
        osType: 'Linux'
        availabilityZones: zones
      }
    ]
  }
}

// Three identities with as little as each needs: the pods read models, the pipeline pushes and deploys, the data
// scientists' pipeline writes models.
resource fetcher 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-fetcher'
  location: location

  resource pods 'federatedIdentityCredentials' = {
    name: 'pods'
    properties: {
      issuer: cluster.properties.oidcIssuerProfile.issuerURL
      subject: 'system:serviceaccount:${namespace}:${serviceAccount}'
      audiences: audience
    }
  }
}

resource pipeline 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-pipeline'
  location: location

  resource workflows 'federatedIdentityCredentials' = if (!empty(repository)) {
    name: 'github'
    properties: { issuer: github, subject: 'repo:${repository}:environment:azure', audiences: audience }
  }
}

resource publisher 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-publisher'
  location: location

  resource workflows 'federatedIdentityCredentials' = if (!empty(modelRepository)) {
    name: 'github'
    properties: { issuer: github, subject: 'repo:${modelRepository}:environment:models', audiences: audience }
  }
}

resource pull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, cluster.id, roles.acrPull)
  scope: registry
  properties: {
    principalId: cluster.properties.identityProfile.kubeletidentity.objectId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrPull)
  }
}

resource push 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, pipeline.id, roles.acrPush)
  scope: registry
  properties: {
    principalId: pipeline.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrPush)
  }
}

// What the pipeline may do inside the cluster is given for one namespace, which no template can name as a scope:
// docs/azure.md, "Let a pipeline deploy".
resource enter 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(cluster.id, pipeline.id, roles.clusterUser)
  scope: cluster
  properties: {
    principalId: pipeline.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.clusterUser)
  }
}

resource read 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(store.id, fetcher.id, roles.blobReader)
  scope: store
  properties: {
    principalId: fetcher.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobReader)
  }
}

resource write 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(store.id, publisher.id, roles.blobContributor)
  scope: store
  properties: {
    principalId: publisher.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobContributor)
  }
}

output ACR_NAME string = registry.name
output CLUSTER string = cluster.name
output STORAGE_ACCOUNT string = store.name
output MODEL_SOURCE string = 'az://${store.name}/models/digits'
output FETCHER_CLIENT_ID string = fetcher.properties.clientId
output PIPELINE_CLIENT_ID string = pipeline.properties.clientId
output PUBLISHER_CLIENT_ID string = publisher.properties.clientId
